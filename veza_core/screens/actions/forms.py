"""The confirmation form of an action."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from django import forms

from ..display import declared
from .action import RowAction, single_spaced

#: Between a usual reason and the typed text.
THEN = ": "

#: Checks a code of the second factor; returns the error, or an empty string.
type CodeCheck = Callable[[str], str]


class CodeInput(forms.TextInput):
    """Shown again without its value, because a code is valid once."""

    def format_value(self, value: Any) -> None:
        return None


WHY = "Say why: your colleagues will read it in the staff log."


class ReasonForm(forms.Form):
    """A reason for the staff log; with `check_code`, also a code.

    `usual`: reasons to choose from.
    """

    reason = forms.CharField(
        max_length=1000,
        widget=forms.Textarea({"rows": 3}),
        help_text="Your colleagues read it in the staff log.",
        error_messages={"required": WHY},
    )

    #: Whether the page above the fields is short: it names no more than one row.
    is_short = True

    def __init__(self, *args: Any, check_code: CodeCheck | None = None,
                 usual: Sequence[str] = (), **kwargs: Any) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.check_code = check_code
        if usual:
            # One of the two is enough.
            self.fields["reason"].required = False
            self.fields["usual"] = forms.ChoiceField(
                label="Often given",
                required=False,
                choices=[("", "Choose one, or write below"), *((each, each) for each in usual)],
                widget=forms.Select({"data-fills": self["reason"].auto_id}),
                error_messages={"invalid_choice": "Choose one of these, or write below."},
            )
            self.order_fields(["usual"])
        if check_code:
            self.fields["code"] = forms.CharField(
                label="Code of your authenticator, or a recovery code",
                max_length=40,
                widget=CodeInput({"autocomplete": "one-time-code", "spellcheck": "false"}),
                help_text="This action needs a new code, even if you typed one earlier.",
                error_messages={"required": "Type a code of your authenticator."},
            )

    def visible_fields(self) -> list[forms.BoundField]:
        """The fields for the template. The cursor begins in the first one, or in the first error.

        Not if something above the fields must be read first: the error of the whole form, or rows.
        """
        fields = super().visible_fields()
        wrong = [field for field in fields if field.errors]
        begin = wrong or (fields if self.is_short else [])
        for field in [] if self.non_field_errors() else begin[:1]:
            field.field.widget.attrs["autofocus"] = True
        return fields

    def clean_reason(self) -> str:
        """A usual reason, or what was typed, or both."""
        typed, usual = str(self.cleaned_data["reason"]), self.cleaned_data.get("usual", "")
        # The script of the page may have put the usual one into the text.
        reason = typed if typed.startswith(usual) else THEN.join(filter(None, [usual, typed]))
        if not reason and "usual" not in self.errors:
            raise forms.ValidationError(WHY, code="required")
        return reason

    def clean_code(self) -> str:
        """Check the code, which counts as an attempt."""
        assert self.check_code is not None  # noqa: S101 - without it there is no such field
        if problem := self.check_code(self.cleaned_data["code"]):
            raise forms.ValidationError(problem)
        self.check_code = None
        return ""

    def clean(self) -> dict[str, Any]:
        """A right code is not asked for again, even if other fields must be corrected."""
        if self.check_code is None:
            self.fields.pop("code", None)
        return super().clean() or {}


class ActionForm(ReasonForm):
    """The action's own fields, the reason, and the word that confirms a drastic action."""

    def __init__(self, *args: Any, action: RowAction, access: Any, rows: Sequence[Any],
                 known: Collection[str] = (), **kwargs: Any) -> None:  # fmt: skip
        """`known`: fields for which each row has its own value, so that they are not asked for."""
        super().__init__(*args, **kwargs)
        self.is_short = len(rows) == 1
        every = action.fields(access, rows)
        shared = {name: field for name, field in every.items() if name not in known}
        self.known = {name: field for name, field in every.items() if name in known}
        if not action.asks_reason:
            del self.fields["reason"]
            self.fields.pop("usual", None)
        self.shared = [*shared]
        self.word = confirmation(action, rows)
        word = {"confirm": forms.CharField(
            label=f"To confirm, type “{self.word}”",
            max_length=300,
            widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
            error_messages={"required": f"Type “{self.word}” to confirm."},
        )} if self.word else {}  # fmt: skip
        self.fields |= shared | word
        self.order_fields([*shared, "usual", "reason", "confirm", "code"])

    def clean_confirm(self) -> str:
        """The word itself. Several spaces count as one, because a page shows them like this."""
        typed = str(self.cleaned_data["confirm"])
        if single_spaced(typed) != self.word:
            raise forms.ValidationError(f"This is not “{self.word}”.")
        return typed

    @property
    def why(self) -> str:
        """The reason; empty if there is no field for it."""
        return str(self.cleaned_data.get("reason", ""))

    @property
    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.shared}

    def values_of(self, own: Mapping[str, str]) -> dict[str, Any]:
        """The same for a row with its own values. Raises `ValidationError` for invalid ones."""
        return self.values | {name: field.clean(own[name]) for name, field in self.known.items()}


def usual_reasons(table: str, action: str) -> Sequence[str]:
    """The reasons that apps declare for an action (`AppConfig.reasons`).

    They are found by `users.ban`, or otherwise by `restore`, for any table. Empty if none are
    declared.
    """
    known: dict[str, Sequence[str]] = declared("reasons")
    return known.get(f"{table}.{action}") or known.get(action, ())


def confirmation(action: RowAction, rows: Sequence[Any]) -> str:
    """What must be typed: the row's name, or the number of rows; empty if nothing."""
    if not action.typed:
        return ""
    if len(rows) > 1:
        return str(len(rows))
    name = single_spaced(getattr(rows[0], action.typed))
    # If a name cannot be typed, the beginning of the key confirms.
    return name if name and name.isprintable() else str(rows[0].pk)[:8]


def filled(form_fields: Sequence[str], query: Mapping[str, str]) -> dict[str, str]:
    """The action's own fields that a link fills in."""
    return {name: query[name][:255] for name in form_fields if name in query}
