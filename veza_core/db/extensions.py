"""SQL about what extensions own."""


def not_of_extension(catalog: str, oid: str) -> str:
    """The condition that object `oid` of `catalog`, both SQL, belongs to no extension."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend AS owned WHERE owned.classid = {catalog}::regclass"
        f" AND owned.objid = {oid} AND owned.deptype = 'e')"
    )
