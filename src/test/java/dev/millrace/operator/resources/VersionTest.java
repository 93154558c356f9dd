package dev.millrace.operator.resources;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class VersionTest {

    private static final String SPEC = """
            {"sources": [{"name": "a", "schema": "x BIGINT", "format": {"json": {}}, "kafka": {"topic": "t", "metadata": {"key": "k"}}}],
             "query": "SELECT COUNT(*) AS n FROM a",
             "sinks": [{"name": "out", "outputMode": "update", "format": {"json": {}}, "kafka": {"topic": "o"}}],
             "state": {"checkpoint": {"interval": "3s"}}}
            """;

    private static Version version(String spec, String image) throws Exception {
        return Version.of(
                "q", "ns", new ObjectMapper().readTree(spec), new Version.Origin("id", List.of(), null), image, null);
    }

    private static boolean meansTheSame(String what, String other) throws Exception {
        assertTrue(SPEC.contains(what));
        return version(SPEC, "i:1").meansTheSame(version(SPEC.replace(what, other), "i:2"));
    }

    @Test
    void onlyWhatDecidesOnThePlanChangesTheMeaning() throws Exception {
        assertTrue(meansTheSame("\"t\"", "\"t2\""));
        assertTrue(meansTheSame("\"o\"", "\"o2\""));
        assertTrue(meansTheSame("3s", "60s"));
        assertTrue(meansTheSame("\"state\": {", "\"trigger\": {\"interval\": \"1s\"}, \"state\": {"));
        assertFalse(meansTheSame("COUNT(*)", "MAX(x)"));
        assertFalse(meansTheSame("x BIGINT", "x INT"));
        assertFalse(meansTheSame("\"k\"", "\"kk\""));
        assertFalse(meansTheSame("\"update\"", "\"complete\""));
        assertFalse(meansTheSame("\"out\"", "\"other\""));
        assertFalse(meansTheSame("\"state\": {", "\"state\": {\"keyGroups\": 8, "));
        assertFalse(meansTheSame(
                "\"schema\": \"x BIGINT\",", "\"schema\": \"x BIGINT\", \"watermark\": {\"column\": \"x\"},"));
        assertFalse(meansTheSame("\"schema\": \"x BIGINT\",", "\"schema\": \"x BIGINT\", \"static\": {},"));
    }

    @Test
    void theDataOfAConfigMapIsTheVersion() throws Exception {
        Version version = version(SPEC, "i:1").compiled("{}", null);
        assertEquals(version, Version.read(version.name(), version.data()));
        Version without = version(SPEC, "i:1");
        assertEquals(without, Version.read(without.name(), without.data()));
        assertEquals(without.name(), version.name(), "the plan is no part of the name");
        Version alone = without.compiled("{}", "spec.sinks[0]: a file");
        assertEquals(alone, Version.read(alone.name(), alone.data()));
        Map<String, String> earlier = new HashMap<>(without.data());
        earlier.remove("undivided");
        assertTrue(Version.read("q-1", earlier).undivided().contains("earlier operator"), "it does not know how");
    }
}
