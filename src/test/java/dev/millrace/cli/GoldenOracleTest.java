package dev.millrace.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The expected rows of each golden query are what a batch engine (DuckDB) computes from the same files by {@code oracle.sql},
 * which gives one column: the row as JSON. With {@code -Dgolden.write=true} the expected files are written anew.
 */
class GoldenOracleTest {

    @TestFactory
    List<DynamicTest> oracle() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path directory : GoldenQueriesTest.queries()) {
            tests.add(DynamicTest.dynamicTest(directory.getFileName().toString(), () -> check(directory)));
        }
        return tests;
    }

    private static void check(Path directory) throws IOException, SQLException {
        Map<String, Long> rows = new TreeMap<>();
        String sql = Files.readString(directory.resolve("oracle.sql"))
                .replace("@data", GoldenQueriesTest.GOLDEN.resolve("data").toString());
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("SET TimeZone='UTC'");
            try (ResultSet result = statement.executeQuery(sql)) {
                while (result.next()) {
                    rows.merge(result.getString(1), 1L, Long::sum);
                }
            }
        }
        if (Boolean.getBoolean("golden.write")) {
            List<String> lines = new ArrayList<>();
            rows.forEach((row, count) -> {
                for (long i = 0; i < count; i++) {
                    lines.add(row);
                }
            });
            Files.write(directory.resolve("expected.json"), lines);
        }
        assertEquals(rows, GoldenQueriesTest.expected(directory));
    }
}
