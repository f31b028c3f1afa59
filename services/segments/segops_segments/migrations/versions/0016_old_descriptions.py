"""A description that a process of a version before 0012 changes is not searched by its old text.

Revision ID: 0016
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Triggers run in the order of their names. The first runs for statements that set the searched text, so the second knows
# whether the process does that at all. The setting ends with the transaction, and the second trigger takes it back.
STATEMENTS = (
    """
    CREATE FUNCTION segments.note_searched_text() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM set_config('segops.searched_text', 'set', true);
        RETURN NEW;
    END $$""",
    """
    CREATE FUNCTION segments.forget_old_searched_text() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF coalesce(current_setting('segops.searched_text', true), '') = '' THEN
            IF NEW.description IS DISTINCT FROM OLD.description THEN
                NEW.searched_description := '';
            END IF;
        ELSE
            PERFORM set_config('segops.searched_text', '', true);
        END IF;
        RETURN NEW;
    END $$""",
    """
    CREATE TRIGGER searched_text_1_note BEFORE UPDATE OF searched_description ON segments.segments
        FOR EACH ROW EXECUTE FUNCTION segments.note_searched_text()""",
    """
    CREATE TRIGGER searched_text_2_forget BEFORE UPDATE OF description ON segments.segments
        FOR EACH ROW EXECUTE FUNCTION segments.forget_old_searched_text()""",
)


def upgrade() -> None:
    """Add the triggers. A row without a searched text is searched by its description."""
    for statement in STATEMENTS:
        op.execute(statement)
