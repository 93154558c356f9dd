package dev.millrace.cli;

import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.Logger;

/** Libraries' logs: silent unless {@code MILLRACE_LOG} names a level, since commands speak to the user themselves. */
final class Logs {

    private Logs() {}

    static void quiet() {
        String wanted = System.getenv().getOrDefault("MILLRACE_LOG", "OFF");
        Level level = Level.parse(wanted.toUpperCase(java.util.Locale.ROOT));
        Logger root = LogManager.getLogManager().getLogger("");
        root.setLevel(level);
        for (Handler handler : root.getHandlers()) {
            handler.setLevel(level);
        }
    }

    /** The operator's and its framework's warnings, which are for who runs it. */
    static void operator() {
        if (System.getenv("MILLRACE_LOG") == null) {
            Logger root = LogManager.getLogManager().getLogger("");
            root.setLevel(Level.WARNING);
            for (Handler handler : root.getHandlers()) {
                handler.setLevel(Level.WARNING);
            }
        }
    }
}
