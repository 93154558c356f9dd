package dev.millrace.cli;

import dev.millrace.engine.QueryException;
import io.quarkus.runtime.annotations.QuarkusMain;
import picocli.CommandLine;

/** {@code millrace <command>}. Quarkus is started only by commands that serve something. */
@QuarkusMain
@CommandLine.Command(
        name = "millrace",
        description = "Streaming SQL that people can trust.",
        mixinStandardHelpOptions = true,
        version = "millrace 0.1",
        subcommands = {
            RunCommand.class,
            ValidateCommand.class,
            ExplainCommand.class,
            ExplainScalingCommand.class,
            KafkaCommand.class,
            OperatorCommand.class,
            EngineCommand.class,
            CleanUpCommand.class,
            CompileCommand.class,
            ProbeCommand.class,
            ArchiveCommand.class
        })
public final class Main {

    /** Exit status for mistakes of the user: nothing was started. */
    static final int USAGE = 2;

    /** Exit status of a query that could not go on. */
    static final int FAILED = 1;

    public static void main(String[] arguments) {
        Logs.quiet();
        System.exit(execute(arguments));
    }

    static int execute(String... arguments) {
        CommandLine line = new CommandLine(new Main());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            if (e instanceof QueryException query) {
                command.getErr().println("millrace: " + query.code() + ": " + query.getMessage());
            } else {
                command.getErr().println("millrace: internal error, please report it: " + e);
                e.printStackTrace(command.getErr());
            }
            return FAILED;
        });
        if (arguments.length == 0) {
            line.usage(System.err);
            return USAGE;
        }
        return line.execute(arguments);
    }
}
