package dev.millrace.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.millrace.api.Problem;
import dev.millrace.api.ResourceReader;
import dev.millrace.api.Verdict;
import dev.millrace.plan.QueryPlan;
import dev.millrace.plan.StoredPlan;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;

/**
 * {@code millrace compile}: how the operator asks what a query means, in a process whose memory and time have bounds. Each line
 * of the standard input is a resource as JSON, each line of the answer a {@link Verdict}.
 */
@CommandLine.Command(
        name = "compile",
        description = "Compiles the query of each line of the standard input and prints its verdict as a line of JSON.",
        hidden = true)
final class CompileCommand implements Callable<Integer> {

    /** A ConfigMap takes a megabyte, with the document. */
    private static final int MAX_PLAN = 700_000;

    @Override
    public Integer call() throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(mapper.writeValueAsString(verdict(line)));
        }
        return 0;
    }

    static Verdict verdict(String text) {
        ResourceReader.Result read = ResourceReader.read("resource", text);
        List<Problem> problems = new ArrayList<>(read.problems());
        Compilation compilation = null;
        if (problems.isEmpty()) {
            compilation = Compilation.of(read.documents().get(0), Path.of("/"));
            problems.addAll(compilation.problems());
            problems.addAll(ClusterRestrictions.of(compilation));
        }
        if (!problems.isEmpty()) {
            return Verdict.refused(findings(problems));
        }
        Optional<String> plan = stored(compilation.plan());
        if (plan.isEmpty()) {
            return Verdict.refused(List.of(new Verdict.Finding(
                    "PlanTooLarge",
                    "spec.query",
                    "the plan of the SQL is too large or too deep to be stored; make the SQL simpler")));
        }
        Map<String, String> modes = new LinkedHashMap<>();
        compilation
                .plan()
                .sinks()
                .forEach(sink -> modes.put(sink.name(), sink.mode().name().toLowerCase(java.util.Locale.ROOT)));
        return new Verdict(
                List.of(),
                compilation.plan().id(),
                modes,
                findings(Warnings.ofPlan(compilation)),
                plan.get(),
                undivided(compilation));
    }

    private static List<Verdict.Finding> findings(List<Problem> problems) {
        return problems.stream()
                .map(problem -> new Verdict.Finding(problem.code(), problem.field(), problem.message()))
                .toList();
    }

    private static String undivided(Compilation query) {
        List<Problem> problems = SlotRestrictions.of(query);
        return problems.isEmpty()
                ? null
                : problems.stream()
                        .map(problem -> problem.field() + ": " + problem.message())
                        .collect(Collectors.joining("; "));
    }

    /** The plan's text, if it is read back as the same plan. */
    private static Optional<String> stored(QueryPlan plan) {
        try {
            String text = StoredPlan.write(plan);
            boolean usable = text.length() <= MAX_PLAN && StoredPlan.read(text).equals(plan);
            return usable ? Optional.of(text) : Optional.empty();
        } catch (StoredPlan.UnreadableException | StackOverflowError e) {
            return Optional.empty();
        }
    }
}
