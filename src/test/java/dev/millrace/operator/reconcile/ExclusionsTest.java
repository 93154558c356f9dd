package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExclusionsTest {

    private static final String SPEC = """
            {"scaling": {"exclusions": [
              {"schedule": "0 9 * * 1-5", "duration": "8h", "timeZone": "Europe/Berlin"},
              {"schedule": "30 16 * * 5", "duration": "3h", "timeZone": "Europe/Berlin"},
              {"schedule": "0 0 1 1 *", "duration": "1d"},
              {"schedule": "0 25 * * *", "duration": "1h"}]}}
            """;

    @ParameterizedTest
    @CsvSource({
        "2026-03-27T07:59:59Z, -",
        "2026-03-27T08:00:00Z, 2026-03-27T16:00:00Z", // Friday, in winter
        "2026-03-27T15:45:00Z, 2026-03-27T18:30:00Z", // of two the one that ends last
        "2026-03-27T18:30:00Z, -",
        "2026-03-28T10:00:00Z, -", // Saturday
        "2026-03-30T06:59:00Z, -",
        "2026-03-30T07:00:30Z, 2026-03-30T15:00:00Z", // Monday, in summer
        "2027-01-01T06:00:00Z, 2027-01-02T00:00:00Z"
    })
    void aScheduleGoesByTheClockOfItsZone(Instant now, String end) throws Exception {
        JsonNode spec = new ObjectMapper().readTree(SPEC);
        assertEquals(
                end,
                Exclusions.now(spec, now)
                        .map(exclusion -> exclusion.end().toString())
                        .orElse("-"));
    }
}
