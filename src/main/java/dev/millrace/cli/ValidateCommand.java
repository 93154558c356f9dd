package dev.millrace.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;

/** {@code millrace validate FILE…}. */
@CommandLine.Command(
        name = "validate",
        description = "Compiles the queries of YAML files and reports every mistake; runs nothing.",
        mixinStandardHelpOptions = true)
final class ValidateCommand implements Callable<Integer> {

    @CommandLine.Parameters(arity = "1..*", paramLabel = "FILE")
    private List<Path> files;

    @Override
    public Integer call() {
        Resources resources = Resources.compile(files);
        if (resources.report(System.err)) {
            return Main.USAGE;
        }
        for (Compilation query : resources.queries()) {
            Warnings.of(query).forEach(warning -> System.err.println(Warnings.line(warning)));
            System.out.println("query '" + query.name() + "' is valid, plan "
                    + query.plan().id());
        }
        return 0;
    }
}
