"""The notation of one table in docs/schema.md: its columns, checks and indexes."""

import re
from collections.abc import Callable

from tests.schema.shape import Column, Table

#: The document's types that have another name in PostgreSQL.
TYPES = {
    "FLOAT": "double precision",
    "TIME": "time without time zone",
    "TIMESTAMPTZ": "timestamp with time zone",
    "VARCHAR": "character varying",
}

#: The end of a default, if the column is generated: nothing else can set it.
GENERATED = "GENERATED ALWAYS"

KEY = Column("uuid", nullable=False, default="gen_random_uuid()")
TIME = Column("timestamp with time zone", nullable=False, default="CURRENT_TIMESTAMP")
DELETED_AT = Column("timestamp with time zone", nullable=True)
ON_DELETE = {"C": "CASCADE", "N": "SET NULL"}


#: Checks that are words: the condition on the text, and on the column.
UNSEEN = (
    r"\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
ATOM, LABEL = "[a-z0-9!#$%&''*+/=?^_`{{|}}~-]+", "[a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?"
PATTERNS = {
    "not blank": f"{{}} ~ '[^{UNSEEN}]'::text",
    "an address": rf"{{}} ~ '^{ATOM}(\.{ATOM})*@({LABEL}\.)+{LABEL}$'::text",
    "a plain text": f"{{0}} !~ '[@{UNSEEN}]'::text AND ({{1}} IS NFKC NORMALIZED)",
    "a slug": "{} ~ '^[a-z0-9][a-z0-9._-]*$'::text",
    "a bcrypt": r"{} ~ '^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{{53}}$'::text",
    "a country": "{} ~ '^[A-Z]{{2}}$'::text",
}
PLAIN = (
    "cardinality({0}) = 0 OR array_ndims({0}) = 1 AND array_lower({0}, 1) = 1 "
    "AND array_position({0}, NULL::{1}) IS NULL"
)


class ContractError(Exception):
    """The document has notation that cannot be read."""


def split(text: str, separator: str) -> list[str]:
    """Split at separators outside of parentheses."""
    parts, depth = [""], 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and text.startswith(separator, position):
            parts.append("")
        parts[-1] += character
    return [parts[0], *(part.removeprefix(separator) for part in parts[1:])]


class TableReader:
    """Reads the text after `**table** (soft)`.

    Leaves the definitions in `table`, remarks on columns in `notes`, and in `prose` what is not
    notation. Raises `ContractError` for notation that it cannot read.
    """

    def __init__(self, name: str, soft: bool, enums: dict[str, list[str]]) -> None:
        self.name = name
        self.soft = soft
        self.enums = enums
        self.notes: dict[str, str] = {}
        #: Its checks by their names: the column, and the words that define it.
        self.checks: dict[str, tuple[str, str]] = {}
        self.prose: list[str] = []
        trigger = f"update_{name}_updated_at"
        self.table = Table(
            columns={"id": KEY, "created_at": TIME, "updated_at": TIME},
            constraints={f"{name}_pkey": "PRIMARY KEY (id)"},
            indexes={f"{name}_pkey": f"CREATE UNIQUE INDEX {name}_pkey ON {name} USING btree (id)"},
            triggers={
                trigger: f"CREATE TRIGGER {trigger} BEFORE UPDATE ON {name} "
                "FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()"
            },
        )
        if soft:
            self.table.columns["deleted_at"] = DELETED_AT
            self._add_index(["deleted_at"], where="deleted_at IS NOT NULL")

    def read(self, text: str) -> None:
        columns, *sentences = split(text.rstrip(".") + " ", ". ")
        for group in split(columns.strip(), "; "):
            self._read_group(group)
        for sentence in sentences:
            if re.match(r"unique\(|idx\(|for ", sentence):
                for item in split(sentence.strip(), "; "):
                    self._read_indexes(item)
            elif trigger := re.fullmatch(r"trigger (\w+) (.+): (\w+)\(\)", sentence.strip()):
                name, when, function = trigger.groups()
                self.table.triggers[name] = (
                    f"CREATE TRIGGER {name} {when} ON {self.name} FOR EACH ROW "
                    f"EXECUTE FUNCTION {function}()"
                )
            elif index := re.match(r"CREATE (?:UNIQUE )?INDEX (\w+) ", sentence):
                self.table.indexes[index[1]] = sentence.strip()
            elif exclusion := re.fullmatch(r"CONSTRAINT (\w+) (EXCLUDE .+)", sentence.strip()):
                self.table.constraints[exclusion[1]] = exclusion[2]
            else:
                self.prose.append(sentence.strip())

    # Columns and checks ---------------------------------------------------------------------

    def _read_group(self, group: str) -> None:
        """Columns that share their checks: `a INTEGER = 0, b INTEGER = 0, each check ≥ 0`."""
        columns: list[str] = []
        for part in split(group, ", "):
            item, note = self._take_note(part)
            if each := re.fullmatch(r"each check (.+)", item):
                for column in columns:
                    self._add_check(column, each[1])
            elif several := re.fullmatch(r"checks (.+) and (.+)", item):
                for column, condition in zip(columns, several.groups(), strict=True):
                    self._add_check(column, condition)
            elif check := re.fullmatch(r"check (.+)", item):
                self._add_check(columns[-1], check[1])
            else:
                columns.append(self._add_column(item))
            if note:
                self.notes[columns[-1]] = note

    @staticmethod
    def _take_note(item: str) -> tuple[str, str]:
        match = re.fullmatch(r"(.+?)(?<! in) \(([^()]*)\)", item)
        return (match[1], match[2]) if match else (item, "")

    def _add_column(self, item: str) -> str:
        if item.split()[0] in self.table.columns:
            raise ContractError(f"{self.name}: this column stands there twice: {item}")
        if reference := re.fullmatch(r"(\w+) → (\w+) ([CN])( \?)?", item):
            name, target, action, optional = reference.groups()
            self.table.columns[name] = Column("uuid", nullable=action == "N" or bool(optional))
            self.table.constraints[f"{self.name}_{name}_fkey"] = (
                f"FOREIGN KEY ({name}) REFERENCES {target}(id) ON DELETE {ON_DELETE[action]}"
            )
            return name
        item, _, generated = item.partition(" generated as ")
        match = re.fullmatch(r"(\w+) (\w+)(\([\d,]+\))?(\[\])?(\?)?(?: = (\S+))?", item)
        if not match:
            raise ContractError(f"{self.name}: what column is this? {item}")
        name, word, size, array, optional, default = match.groups()
        base = word if word in self.enums else TYPES.get(word, word.lower())
        if not (word.isupper() or word in self.enums):
            raise ContractError(f"{self.name}: what type is this? {word}")
        self.table.columns[name] = Column(
            f"{base}{size or ''}{array or ''}",
            nullable=bool(optional),
            default=f"{generated} {GENERATED}"
            if generated
            else default and self._default(base + (f"{size or ''}[]" if array else ""), default),
        )
        return name

    @staticmethod
    def _default(base: str, default: str) -> str:
        if re.fullmatch(r"\d+|true|false|CURRENT_TIMESTAMP", default):
            return default
        return f"'{default}'::{base}"

    def _add_check(self, column: str, condition: str) -> None:
        if condition in ("kept", "same track"):
            self._add_trigger(column, condition)
            return
        type_ = self._type(column)
        text = f"{column}::text" if type_.startswith("character varying") else column
        cast = "::numeric" if type_.startswith("numeric") else ""
        forms: dict[str, Callable[..., str]] = {
            r"(≥|>) (\w+)": lambda sign, than: f"{column} {sign.replace('≥', '>=')} {than}",
            r"(\d+) to (\d+)": lambda least, most: (
                f"{column} >= {least}{cast} AND {column} <= {most}{cast}"
            ),
            r"≠ (\w+)": lambda other: f"{column} <> {other}",
            r"0 to ([a-z]\w+)": lambda most: f"{column} >= 0 AND {column} <= {most}",
            r"(not blank|an address|a plain text|a slug|a bcrypt|a country)": lambda what: PATTERNS[
                what
            ].format(f'({text} COLLATE "C")', column),
            r"a moment": lambda: (
                f"{column} >= '0001-01-01 00:00:00+00'::timestamp with time zone "
                f"AND {column} < '10000-01-01 00:00:00+00'::timestamp with time zone"
            ),
            r"a day": lambda: f"{column} >= '0001-01-01'::date AND {column} <= '9999-12-31'::date",
            r"an object": lambda: f"jsonb_typeof({column}) = 'object'::text",
            r"labels": lambda: (
                f"{PLAIN.format(column, 'character varying')} AND cardinality({column}) <= 50 "
                f"AND array_position({column}, ''::character varying) IS NULL"
            ),
            r"numbers": lambda: (
                f"{PLAIN.format(column, type_.removesuffix('[]'))} AND (0 < ALL ({column}))"
            ),
            r"given unless (\w+) in \((.+)\)": lambda other, values: (
                f"{column} IS NOT NULL OR ({other} = ANY (ARRAY["
                + ", ".join(f"'{value}'::{self._type(other)}" for value in values.split(", "))
                + "]))"
            ),
            r"in \((.+)\)": lambda values: (
                f"{text} = ANY (ARRAY["
                + ", ".join(f"'{value}'::text" for value in values.split(", "))
                + "])"
            ),
        }
        characters: dict[str, Callable[..., str]] = {
            r"(\d+) characters? or more": lambda least: f"length({text}) >= {least}",
            r"(\d+) to (\d+) characters": lambda least, most: (
                f"length({text}) >= {least} AND length({text}) <= {most}"
            ),
        }
        for pattern, write in (forms | characters).items():
            if match := re.fullmatch(pattern, condition):
                suffix = "_length" if pattern in characters else ""
                name = f"chk_{self.name}_{column}{suffix}"
                self.table.constraints[name] = f"CHECK ({write(*match.groups())})"
                self.checks[name] = column, condition
                return
        raise ContractError(f"{self.name}: what check is this? {condition}")

    def _add_trigger(self, column: str, condition: str) -> None:
        """A check of another row, or of the old one."""
        name = f"chk_{self.name}_{column}"
        if condition == "kept":
            head = f"AFTER UPDATE OF id, {column}"
            when = " OR ".join(f"old.{each} IS DISTINCT FROM new.{each}" for each in ("id", column))
            function = "refuse_another_track"
        else:
            own = (
                ""
                if f"{name.removesuffix(column)}track_id" in self.table.triggers
                else "track_id, "
            )
            name += "_track"
            head = f"AFTER INSERT OR UPDATE OF {own}{column}"
            when = f"new.{column} IS NOT NULL"
            function = f"check_{re.sub('^track_|_id$', '', column)}_track"
        self.table.triggers[name] = (
            f"CREATE TRIGGER {name} {head} ON {self.name} FOR EACH ROW WHEN ({when}) "
            f"EXECUTE FUNCTION {function}()"
        )

    # Indexes --------------------------------------------------------------------------------

    def _read_indexes(self, item: str) -> None:
        item, note = self._take_note(item.removeprefix("for support search: "))
        if note:
            self.prose.append(note)
        for part in split(item.removeprefix("for search: "), ", "):
            if unique := re.fullmatch(r"unique\((\w+(?:, \w+)*)\)", part):
                self._add_unique(unique[1].split(", "))
            elif folded := re.fullmatch(r"unique\(upper\((\w+)\)\)", part):
                self._add_index([f"upper({folded[1]})"], where="deleted_at IS NULL", unique=True)
            elif some := re.fullmatch(r"unique\((.+)\) NULLS NOT DISTINCT WHERE (.+)", part):
                name = f"idx_{self.name}_{'_'.join(some[1].split(', '))}"
                self._define(
                    f"UNIQUE INDEX {name}", "btree", some[1].split(", "),
                    self._condition(some[2]), " NULLS NOT DISTINCT",
                )  # fmt: skip
            elif plain := re.fullmatch(r"idx\((.+?)\)(?: WHERE (.+))?", part):
                keys, condition = plain.groups()
                self._add_index(keys.split(", "), where=condition and self._condition(condition))
            elif text := re.fullmatch(r"(prefix|domain|words) of (\w+)", part):
                self._add_of_text(*text.groups())
            elif trigram := re.fullmatch(r"trigram on (.+)", part):
                for key in trigram[1].split(" and on "):
                    self._add_index([key], method="gin")
            else:
                raise ContractError(f"{self.name}: what index is this? {part}")

    def _condition(self, condition: str) -> str:
        match = re.fullmatch(r"(NOT )?(\w+) (?:= '(\w+)'|IS NOT NULL|> \d+)", condition)
        if not match:
            raise ContractError(f"{self.name}: what condition is this? {condition}")
        negation, column, value = match.groups()
        type_ = self._type(column)
        return f"{negation or ''}{column} = '{value}'::{type_}" if value else condition

    def _add_unique(self, columns: list[str]) -> None:
        name = f"idx_{self.name}_{'_'.join(columns)}"
        if self.soft:
            self._define(f"UNIQUE INDEX {name}", "btree", columns, "deleted_at IS NULL")
        else:
            self._define(f"UNIQUE INDEX {name}", "btree", columns, None)
            self.table.constraints[name] = f"UNIQUE ({', '.join(columns)})"

    def _add_index(
        self,
        keys: list[str],
        method: str = "btree",
        where: str | None = None,
        *,
        unique: bool = False,
    ) -> None:
        names, definitions = [], []
        for key in keys:
            match = re.fullmatch(r"(?:(upper)\()?(\w+)\)?( DESC)?", key)
            if not match:
                raise ContractError(f"{self.name}: what is indexed here? {key}")
            function, column, order = match.groups()
            cast = "::text" if self._type(column).startswith("character varying") else ""
            names += [column, "trgm" if method == "gin" else function or ""]
            definitions.append(
                (f"upper({column}{cast})" if function else column)
                + (" gin_trgm_ops" if method == "gin" else "")
                + (order or "")
            )
        name = "_".join(["idx", self.name, *filter(None, names)])
        self._define(f"{'UNIQUE ' * unique}INDEX {name}", method, definitions, where)

    def _add_of_text(self, what: str, column: str) -> None:
        name = f"idx_{self.name}_{column}_{what}"
        if what == "prefix":
            self._define(
                f"INDEX {name}", "btree", [f"upper({column}::text) text_pattern_ops"], None
            )
        elif what == "domain":
            keys = [f"split_part({column}::text, '@'::text, 2)", "created_at DESC"]
            self._define(f"INDEX {name}_created_at", "btree", keys, None)
        else:
            self._add_words(column)

    def _add_words(self, column: str) -> None:
        rests = [f"{column}::text"]
        rests += [
            f"substring({column}::text, '^(?:\\S+\\s+){{{number}}}(.+)$'::text)"
            for number in (1, 2, 3)
        ]
        for number, rest in enumerate(rests, 1):
            head = f"INDEX idx_{self.name}_{column}_word{number}"
            self._define(head, "btree", [f"upper({rest}) text_pattern_ops"], None)

    def _define(
        self, head: str, method: str, keys: list[str], where: str | None, nulls: str = ""
    ) -> None:
        condition = f" WHERE {where}" if where else ""
        self.table.indexes[head.split()[-1]] = (
            f"CREATE {head} ON {self.name} USING {method} ({', '.join(keys)}){nulls}{condition}"
        )

    def _type(self, column: str) -> str:
        if column not in self.table.columns:
            raise ContractError(f"{self.name}: there is no column {column}")
        return self.table.columns[column].type
