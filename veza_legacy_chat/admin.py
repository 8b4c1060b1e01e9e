"""The support admin's screen of the rooms of old clients."""

from django.contrib import admin

from veza_core.screens.actions.notes import AddNote
from veza_core.screens.actions.soft_deletion import soft_deletion
from veza_core.screens.inspection import InspectionAdmin
from veza_core.screens.search.finders import same
from veza_core.screens.states import UNSORTED, boolean
from veza_legacy_chat.models import Room


@admin.register(Room)
class RoomAdmin(InspectionAdmin):
    group = "Legacy chat"
    columns = ("name", "creator", "is_private", "max_members", "created_at")
    keys = {"name": UNSORTED}
    states = (boolean("is_private", "Private"),)
    label = "name"
    finders = (same("name"),)
    row_actions = (*soft_deletion("rooms", typed="name"), AddNote("rooms"))
