"""Django's XML."""

from django.core.serializers.xml_serializer import Deserializer
from django.core.serializers.xml_serializer import Serializer as DjangoSerializer

from veza_site.serializers import unwritten_origin

__all__ = ["Deserializer", "Serializer"]


class Serializer(DjangoSerializer):
    """Writes into the first element where the rows are from, even if there are no rows."""

    def start_serialization(self) -> None:
        super().start_serialization()
        if place := unwritten_origin():
            known = {name: str(value) for name, value in place.items() if value is not None}
            self.indent(1)
            self.xml.startElement("saved_from", known)
            self.xml.endElement("saved_from")
