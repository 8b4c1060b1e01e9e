"""The server's settings that V1's indexes need."""

from collections.abc import Iterator

from veza_core.schema.audit.catalog import Catalog
from veza_core.schema.audit.rule import GOVERNANCE, Found
from veza_core.schema.audit.rules.governance import PUBLIC
from veza_core.schema.quoting import ident


@GOVERNANCE.warning(
    "random-page-cost",
    "Default random_page_cost",
    reason="PostgreSQL's default, 4, is for rotating disks. With it, PostgreSQL sorts a heavy "
    "user's rows instead of reading an index in order, and so reads a hundred times as much (ADR "
    "5). A backup of a database does not contain its settings (ALTER DATABASE … SET): they are "
    "missing after a restore into a new one. Any value that somebody has set is accepted, even 4.",
    remedy="On solid-state disks set it to 1.1 for the database; it applies to new sessions. On "
    "other disks set it to 4 in the same way, to show that you chose it.",
    # As in a session without settings. The settings of another session are not visible here.
    bad="SET LOCAL random_page_cost = 4;",
    good="-- ALTER DATABASE veza SET random_page_cost = 1.1; and a new session:\n"
    "SET LOCAL random_page_cost = 1.1;",
    example="random_page_cost",
)
def random_page_cost(catalog: Catalog) -> Iterator[Found]:
    """It is checked only if schema `public` is audited. A value that the audit's own session sets
    does not count.
    """
    if PUBLIC in catalog.schemas and catalog.has_default_page_cost:
        statement = f"ALTER DATABASE {ident(catalog.database)} SET random_page_cost = 1.1"
        message = f"random_page_cost is PostgreSQL's default, 4; on solid-state disks: {statement}"
        yield Found(None, "random_page_cost", message)
