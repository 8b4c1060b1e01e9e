"""Django's JSON."""

from django.core.serializers.json import Deserializer
from django.core.serializers.json import Serializer as DjangoSerializer

from veza_site.serializers import OriginMixin

__all__ = ["Deserializer", "Serializer"]


class Serializer(OriginMixin, DjangoSerializer):
    """Writes into the first object where the rows are from."""
