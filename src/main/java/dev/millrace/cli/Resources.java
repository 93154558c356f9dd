package dev.millrace.cli;

import dev.millrace.api.Problem;
import dev.millrace.api.ResourceReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiFunction;

/** Compiles all queries of some files. */
final class Resources {

    private final List<Compilation> queries = new ArrayList<>();
    private final List<Problem> problems = new ArrayList<>();

    static Resources compile(List<Path> files) {
        return read(files, Compilation::of);
    }

    /**
     * @param how a document and the directory that its paths start from become a query
     */
    static Resources read(List<Path> files, BiFunction<ResourceReader.Document, Path, Compilation> how) {
        Resources resources = new Resources();
        Set<String> names = new HashSet<>();
        for (Path file : files) {
            String text;
            try {
                text = Files.readString(file, StandardCharsets.UTF_8);
            } catch (IOException e) {
                resources.problems.add(new Problem(
                        file.toString(), 1, 1, "", "FileNotFound", "the file cannot be read; check the path"));
                continue;
            }
            ResourceReader.Result result = ResourceReader.read(file.toString(), text);
            resources.problems.addAll(result.problems());
            for (ResourceReader.Document document : result.documents()) {
                Compilation compilation =
                        how.apply(document, file.toAbsolutePath().getParent());
                resources.problems.addAll(compilation.problems());
                if (!names.add(document.query().metadata().name())) {
                    resources.problems.add(document.places()
                            .problem(
                                    "metadata.name",
                                    "DuplicateQuery",
                                    "two queries are named '"
                                            + document.query().metadata().name() + "'; rename one"));
                }
                resources.queries.add(compilation);
            }
        }
        return resources;
    }

    List<Compilation> queries() {
        return queries;
    }

    /** Prints problems, one a line, in the order of the files; returns whether there were some. */
    boolean report(java.io.PrintStream err) {
        problems.stream().sorted().forEach(err::println);
        if (!problems.isEmpty()) {
            err.println(problems.size() + (problems.size() == 1 ? " problem" : " problems") + "; nothing was started");
        }
        return !problems.isEmpty();
    }
}
