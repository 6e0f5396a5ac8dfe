# Copyright (c) 2026 The nordbridge.mysql_migration contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Big and odd data: what real servers hold, and what copies of them have been known to lose.

Statements for the servers' own clients. Schema shop is the one of Pair.load; these are big, odd, odder and many.
"""

from __future__ import annotations

from collections.abc import Iterator

#: Both servers: a buffer pool that is smaller than table big.rows, and packets that are just large enough for its blobs.
SERVER_OPTIONS = """
[mysqld]
innodb_buffer_pool_size = 16M
max_allowed_packet = 80M
event_scheduler = ON
"""

BIG = """
CREATE DATABASE big; USE big;
CREATE TABLE `rows` (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, pad VARBINARY(1000));
INSERT INTO `rows` (pad) VALUES (RANDOM_BYTES(1000));
%s
CREATE TABLE files (id INT NOT NULL PRIMARY KEY, content LONGBLOB NOT NULL, words LONGTEXT);
INSERT INTO files VALUES (1, REPEAT(RANDOM_BYTES(1024), 65536), NULL), (2, REPEAT(UNHEX('00270A5C'), 16777216), ''),
 (3, '', REPEAT('å\\\\\\'"\\n', 8000000));
"""

#: Bodies whose lines look like the marks that are read in a dump: its coordinates, its GTIDs and its end.
TREACHEROUS = """BEGIN
/*
-- CHANGE MASTER TO MASTER_LOG_FILE='evil.000001', MASTER_LOG_POS=4;
CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='evil.000001', SOURCE_LOG_POS=4;
SET @@GLOBAL.GTID_PURGED='00000000-0000-0000-0000-000000000001:1-5';
SET GLOBAL gtid_slave_pos='9-9-9';
-- Dump completed on 2020-01-01  0:00:00
*/
SELECT ';;' AS separator_in_a_string; END"""

ODD = """
SET SESSION sql_mode = '';
CREATE DATABASE odder CHARACTER SET latin1;
CREATE DATABASE `größe-1.2/ø 日本` CHARACTER SET utf8mb4;
CREATE USER 'o''hara'@'10.1.%%' IDENTIFIED BY 'Not-used-1', owner@localhost IDENTIFIED BY 'Not-used-1';
GRANT ALL ON odder.* TO owner@localhost; GRANT SELECT ON `größe-1.2/ø 日本`.* TO owner@localhost;
GRANT SELECT, EXECUTE ON `größe-1.2/ø 日本`.* TO 'o''hara'@'10.1.%%';
USE odder;
CREATE TABLE a (id INT NOT NULL PRIMARY KEY, b INT NULL) ENGINE=InnoDB;
CREATE TABLE b (id INT NOT NULL PRIMARY KEY, a INT NULL, CONSTRAINT b_a FOREIGN KEY (a) REFERENCES a (id)) ENGINE=InnoDB;
ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (b) REFERENCES b (id);
CREATE TABLE selfish (id INT NOT NULL PRIMARY KEY, boss INT, FOREIGN KEY (boss) REFERENCES selfish (id) ON DELETE SET NULL);
INSERT INTO a VALUES (1, NULL); INSERT INTO b VALUES (1, 1); UPDATE a SET b = 1; INSERT INTO selfish VALUES (1, 1), (2, 1);
CREATE TABLE dates (id INT NOT NULL PRIMARY KEY, d DATE NOT NULL DEFAULT '0000-00-00', t DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00',
 s TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00', y YEAR, h TIME(6));
INSERT INTO dates VALUES (0, '0000-00-00', '0000-00-00', '0000-00-00', 0, '-838:59:59'), (1, '2026-00-00', '2026-02-00', '2038-01-19 03:14:07',
 2155, '838:59:59'), (2, '9999-12-31', '1000-01-01', '1970-01-01 12:00:01', 1901, '00:00:00.000001');
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
CREATE TABLE zero (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v TINYINT); INSERT INTO zero VALUES (0, -128), (1, 127);
ALTER TABLE zero AUTO_INCREMENT = 4711;
CREATE TABLE computed (id INT NOT NULL PRIMARY KEY, price DECIMAL(65,30), v DECIMAL(65,30) AS (price * 2) VIRTUAL,
 s VARCHAR(64) AS (CONCAT('n', id)) STORED, hidden INT INVISIBLE DEFAULT 7, KEY (v), UNIQUE KEY (s), CONSTRAINT positive CHECK (id >= 0));
INSERT INTO computed (id, price) VALUES (1, 1.000000000000000000000000000001), (2, -99999999999999999999.5);
INSERT INTO computed (id, price, hidden) VALUES (3, NULL, -1);
CREATE TABLE parts (id INT NOT NULL, at DATE NOT NULL, w VARCHAR(20), PRIMARY KEY (id, at))
 PARTITION BY RANGE (YEAR(at)) SUBPARTITION BY HASH (id) SUBPARTITIONS 2
 (PARTITION p24 VALUES LESS THAN (2025), PARTITION p25 VALUES LESS THAN (2026), PARTITION rest VALUES LESS THAN MAXVALUE);
INSERT INTO parts VALUES (1, '2024-05-05', 'a'), (2, '2025-05-05', 'b'), (3, '2044-01-01', 'c');
CREATE TABLE listed (k INT NOT NULL PRIMARY KEY) PARTITION BY LIST (k) (PARTITION odd VALUES IN (1, 3, 5), PARTITION even VALUES IN (2, 4));
INSERT INTO listed VALUES (1), (2), (5);
CREATE TABLE words (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, body TEXT CHARACTER SET utf8mb4, FULLTEXT KEY body (body)) ENGINE=InnoDB;
INSERT INTO words (body) VALUES ('Fjorden er dyp og blå'), ('Blåbærsyltetøy på brødskiva'), (NULL);
CREATE TABLE places (id INT NOT NULL PRIMARY KEY, shape GEOMETRY NOT NULL, SPATIAL INDEX (shape));
INSERT INTO places VALUES (1, ST_GeomFromText('POLYGON((0 0, 10 0, 10 10, 0 10, 0 0))')), (2, ST_GeomFromText('LINESTRING(1 1, 2 2)'));
CREATE TABLE documents (id INT NOT NULL PRIMARY KEY, j JSON, x DOUBLE, y FLOAT, z BIT(64));
INSERT INTO documents VALUES (1, '{"å": [1e308, -0.0, null, true, {"": "\\\\u0000"}]}', 1.7976931348623157e308, 1.17549435e-38, b'1'),
 (2, '[]', 0.1, 0.1, ~0), (3, NULL, -0.0, 16777217, 0);
CREATE TABLE a_name_of_sixty_four_characters_is_as_long_as_a_name_can_be_here (a_column_of_sixty_four_characters_is_as_long_as_one_can_be_there INT
 NOT NULL PRIMARY KEY COMMENT 'it''s "quoted" `here` \\\\ and -- there /* not a comment */ ; DELIMITER ;;');
CREATE TABLE `Case` (id INT PRIMARY KEY); CREATE TABLE `case` (id INT PRIMARY KEY); INSERT INTO `Case` VALUES (1); INSERT INTO `case` VALUES (2);
CREATE TABLE `a.b` (`c.d` INT PRIMARY KEY); CREATE TABLE `a'b"c` (`x``y` INT PRIMARY KEY, ` y` INT); CREATE TABLE `a/b\\\\c%%s#$@-` (`#` INT PRIMARY KEY);
INSERT INTO `a.b` VALUES (1); INSERT INTO `a'b"c` VALUES (1, 1); INSERT INTO `a/b\\\\c%%s#$@-` VALUES (1);
USE `größe-1.2/ø 日本`;
CREATE TABLE `таблица` (`колонка` VARCHAR(20) PRIMARY KEY, `列` VARCHAR(20) COLLATE utf8mb4_bin) COMMENT = 'комментарий';
INSERT INTO `таблица` VALUES ('да', '😀'), ('нет', 'é');
CREATE DEFINER = owner@localhost SQL SECURITY DEFINER VIEW z_first AS SELECT `колонка` AS `k` FROM `таблица`;
CREATE DEFINER = 'o''hara'@'10.1.%%' SQL SECURITY INVOKER VIEW a_second AS SELECT CONCAT(k, '%%') AS k FROM z_first;
CREATE VIEW y_base AS SELECT `колонка` AS k, `列` AS w FROM `таблица`; CREATE VIEW b_top AS SELECT k, w FROM y_base;
CREATE ALGORITHM = MERGE VIEW m_third AS SELECT s.k, g.id FROM a_second s JOIN odder.computed g WITH CASCADED CHECK OPTION;
DELIMITER $$
SET SESSION sql_mode = 'ANSI_QUOTES'$$
CREATE DEFINER = owner@localhost PROCEDURE "an ""ANSI"" one"(INOUT "x y" INT) COMMENT 'ø' BEGIN SELECT "id" FROM odder."a"; END$$
SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'$$
CREATE FUNCTION backslash() RETURNS VARCHAR(10) CHARACTER SET latin1 DETERMINISTIC NO SQL RETURN '\\'$$
SET SESSION sql_mode = ''$$
CREATE DEFINER = 'o''hara'@'10.1.%%' PROCEDURE treacherous() %(treacherous)s$$
CREATE TRIGGER odder.zero_before BEFORE INSERT ON odder.zero FOR EACH ROW BEGIN SET NEW.v = COALESCE(NEW.v, 1); END$$
CREATE DEFINER = owner@localhost TRIGGER odder.zero_first BEFORE INSERT ON odder.zero FOR EACH ROW PRECEDES zero_before SET NEW.v = NEW.v$$
CREATE DEFINER = owner@localhost EVENT odder.`every ø` ON SCHEDULE EVERY 1 MONTH STARTS '2031-01-31 02:30:00' ON COMPLETION PRESERVE
 COMMENT 'it''s' DO BEGIN DELETE FROM odder.zero WHERE id > 1000000; END$$
CREATE EVENT odder.asleep ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01 00:00:00' DISABLE DO SELECT 1$$
DELIMITER ;
"""

#: What only one of the servers has.
OWN = {
    "mariadb": """
USE odder;
CREATE SEQUENCE counting START WITH 100 INCREMENT BY 10 CACHE 5; SELECT NEXT VALUE FOR counting;
CREATE TABLE types (id UUID NOT NULL DEFAULT UUID() PRIMARY KEY, a INET6, n INT DEFAULT NEXTVAL(counting), c TEXT COMPRESSED);
INSERT INTO types (id, a, c) VALUES ('123e4567-e89b-12d3-a456-426655440000', '::ffff:10.0.0.1', REPEAT('squeeze ', 1000));
CREATE TABLE packed (id INT PRIMARY KEY, t TEXT) PAGE_COMPRESSED = 1; INSERT INTO packed VALUES (1, REPEAT('x', 50000));
CREATE TABLE old_row (id INT PRIMARY KEY, t TEXT) ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8; INSERT INTO old_row VALUES (1, REPEAT('y', 9000));
CREATE TABLE indexed (a INT, b INT, PRIMARY KEY (a), KEY unused (b DESC) IGNORED); INSERT INTO indexed VALUES (1, 2);
SET SESSION sql_mode = 'ORACLE';
DELIMITER $$
CREATE PACKAGE pack AS FUNCTION one RETURN INT; END$$
CREATE PACKAGE BODY pack AS FUNCTION one RETURN INT AS BEGIN RETURN 1; END; END$$
DELIMITER ;
""",
    "mysql": """
USE odder;
CREATE TABLE indexed (a INT, b JSON, c VARCHAR(20), PRIMARY KEY (a), KEY shorter ((LOWER(c))), KEY backwards (c DESC) INVISIBLE,
 KEY many ((CAST(b -> '$.n' AS UNSIGNED ARRAY))));
INSERT INTO indexed VALUES (1, '{"n": [1, 2, 3]}', 'Å');
SET SESSION sql_generate_invisible_primary_key = ON;
CREATE TABLE keyless (v INT); INSERT INTO keyless VALUES (3), (1), (2);
CREATE TABLE located (id INT PRIMARY KEY, p POINT NOT NULL SRID 4326, SPATIAL INDEX (p)); INSERT INTO located VALUES (1, ST_SRID(POINT(10, 59), 4326));
CREATE TABLE old_row (id INT PRIMARY KEY, t TEXT) ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8; INSERT INTO old_row VALUES (1, REPEAT('y', 9000));
CREATE TABLE expressions (id INT PRIMARY KEY, u BINARY(16) DEFAULT (UUID_TO_BIN('123e4567-e89b-12d3-a456-426655440000')));
INSERT INTO expressions (id) VALUES (1);
""",
}

#: What each character set can say beyond ASCII; where it knows none of it the server puts question marks, on both sides.
SAMPLE = "Az ~ ÅåßÐ €ščř Жш Ωλ אב عر ไทย 日本語 한국 繁體 漢字"


def big(rows: int) -> str:
    """Schema big: a table of this many kilobytes, and blobs of 64 MB."""
    doubling, done = [], 1
    while done < rows:
        doubling.append(f"INSERT INTO `rows` (pad) SELECT RANDOM_BYTES(1000) FROM `rows` LIMIT {rows - done};")
        done += min(done, rows - done)
    return BIG % "\n".join(doubling)


def odd(flavour: str) -> str:
    """Schemas odder and größe…"""
    return ODD % {"treacherous": TREACHEROUS} + OWN[flavour]


def as_it_is(text: str) -> str:
    """The statements."""
    return text


#: What mydumper's files cannot carry, and something near it that they can.
NEAR = (
    ("größe-1.2/ø 日本", "größe-12 ø 日本"), ("`a.b`", "`a b`"), ("`a'b\"c`", "`ab\"c`"), ("`x``y`", "`xy`"),
    ("`a/b\\\\c%s#$@-`", "`abc%s#$@-`"), ("id UUID NOT NULL DEFAULT UUID()", "id CHAR(36) NOT NULL DEFAULT UUID()"), ("a INET6", "a VARCHAR(39)"),
)  # fmt: skip


def without_odd_names(text: str) -> str:
    """The statements with what mydumper can carry instead of what it cannot."""
    for odd_one, near in NEAR:
        text = text.replace(odd_one, near)
    return text


def charsets(names: list[str]) -> Iterator[str]:
    """A table for each character set that the server has."""
    yield "CREATE DATABASE charsets; SET SESSION sql_mode = '';"
    for name in names:
        yield f"CREATE TABLE charsets.`in {name}` (id INT PRIMARY KEY, t VARCHAR(200) CHARACTER SET {name}, e ENUM('å', 'b') CHARACTER SET {name});"
        yield f"INSERT IGNORE INTO charsets.`in {name}` VALUES (1, CONVERT('{SAMPLE}' USING {name}), 1), (2, '', 2), (3, NULL, NULL);"


def many(count: int) -> Iterator[str]:
    """Schema many, with this many tables of a row each."""
    yield "CREATE DATABASE many; USE many;"
    for number in range(count):
        yield f"CREATE TABLE t{number:05d} (id INT NOT NULL PRIMARY KEY, v VARCHAR(20)); INSERT INTO t{number:05d} VALUES (1, 'row {number}');"
