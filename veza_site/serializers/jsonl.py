"""Django's JSON Lines."""

from django.core.serializers.jsonl import Deserializer
from django.core.serializers.jsonl import Serializer as DjangoSerializer

from veza_site.serializers import OriginMixin

__all__ = ["Deserializer", "Serializer"]


class Serializer(OriginMixin, DjangoSerializer):
    """Writes into the first object where the rows are from."""
