package dev.millrace.api;

import com.cronutils.model.CronType;
import com.cronutils.model.definition.CronDefinitionBuilder;
import com.cronutils.model.time.ExecutionTime;
import com.cronutils.parser.CronParser;
import com.fasterxml.jackson.annotation.JsonValue;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.Optional;

/** Times as cron has them: minute, hour, day of the month, month and day of the week. */
public record CronSchedule(@JsonValue String text) {

    private static final CronParser PARSER = new CronParser(CronDefinitionBuilder.instanceDefinitionFor(CronType.UNIX));

    public CronSchedule {
        try {
            PARSER.parse(text).validate();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "'" + text
                            + "' is not a schedule of minute, hour, day, month and day of the week such as '0 9 * * 1-5': "
                            + e.getMessage(),
                    e);
        }
    }

    public static CronSchedule ofText(String text) {
        CronSchedule schedule = new CronSchedule(text);
        if (ExecutionTime.forCron(PARSER.parse(text))
                .nextExecution(ZonedDateTime.now(ZoneOffset.UTC))
                .isEmpty()) {
            throw new IllegalArgumentException("'" + text + "' is a schedule of which the time never comes");
        }
        return schedule;
    }

    /** The last of its times that is not after this one, by the clock of its zone; empty where there was none in a year. */
    public Optional<ZonedDateTime> last(ZonedDateTime now) {
        ExecutionTime times = ExecutionTime.forCron(PARSER.parse(text));
        return times.isMatch(now) ? Optional.of(now.withSecond(0).withNano(0)) : times.lastExecution(now);
    }
}
