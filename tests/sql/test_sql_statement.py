"""The text of a query is looked at before any database is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from connectors.sql.statement import parse


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "is empty"),
        ("  -- nothing\n;", "is empty"),
        ("DELETE FROM customers WHERE id IN :keys", "must read"),
        ("/* SELECT */ UPDATE customers SET id = 1 WHERE id IN :keys", "must read"),
        ("SELECT id AS key FROM customers", "doesn't mention `:keys`"),
        ("SELECT id AS key FROM customers WHERE note = ':keys' -- :keys", "doesn't mention `:keys`"),
        ("SELECT 1 AS key WHERE 1 IN :keys; DROP TABLE customers", "several statements"),
        ("SELECT id AS key FROM customers WHERE id IN :keys AND shop = :shop", "`:shop` is no parameter"),
    ],
)
def test_a_query_that_cannot_be_right_is_refused_with_the_reason(query: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id AS key FROM customers WHERE id IN :keys",
        "select id as key from customers where id in :keys ;\n",
        "-- customers\nWITH c AS (SELECT 1 AS id) SELECT id AS key FROM c WHERE id IN :keys",
        "(SELECT id AS key FROM customers WHERE id IN :keys)",
        "SELECT id AS key, 'a;b :x' AS note, \"odd:name\" FROM customers WHERE id::text IN :keys /* ; :y */",
        "SELECT id AS key, $tag$ it's; :x $tag$ AS note FROM customers WHERE id IN :keys",
    ],
)
def test_a_reading_query_is_taken(query: str) -> None:
    assert parse(query).mentions == 1


def test_keys_may_be_mentioned_several_times() -> None:
    assert parse("SELECT id AS key FROM customers WHERE id IN :keys OR code IN :keys").mentions == 2


def test_brackets_around_the_keys_do_no_harm() -> None:
    assert str(parse("SELECT a AS key FROM t WHERE a in ( :keys )").clause) == str(
        parse("SELECT a AS key FROM t WHERE a IN :keys").clause
    )


def test_the_name_key_is_quoted_where_it_is_a_word_of_the_language() -> None:
    query = "SELECT id as KEY, 'AS key' AS keyed FROM (SELECT code AS key FROM c) AS keys WHERE key IN :keys"
    assert str(parse(query, "`key`").clause).startswith(
        "SELECT id as `key`, 'AS key' AS keyed FROM (SELECT code AS `key` FROM c) AS keys WHERE key IN "
    )
    assert str(parse(query).clause).startswith("SELECT id as key,")


@given(st.text(alphabet="ab:\\ ;'-%$\"", max_size=20))
def test_a_literal_reaches_the_database_as_it_stands(literal: str) -> None:
    quoted = "'" + literal.replace("'", "''") + "'"
    clause = parse(f"SELECT {quoted} AS note FROM t WHERE id IN :keys").clause
    assert str(clause.compile(dialect=sqlite.dialect())).startswith(f"SELECT {quoted} AS note FROM t")
