package dev.millrace;

import static java.util.Map.entry;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * Packages import one way. The table says for each top package what it may use: a name alone means the package with all
 * below it, with {@code =} its root only. What is not named here may not be imported.
 */
class ArchitectureTest {

    private static final String BASE = "dev.millrace.";

    private static final Map<String, List<String>> MAY_USE = Map.ofEntries(
            entry("data", List.of()),
            entry("api", List.of()),
            entry("plan", List.of("data")),
            entry("sql", List.of("plan", "data")),
            entry("state", List.of("data")),
            entry("stores", List.of("=state", "=connectors")),
            entry("formats", List.of("data")),
            entry("connectors", List.of("data", "formats")),
            entry("kafka", List.of("=connectors", "=engine", "=state", "data", "formats")),
            entry("engine", List.of("plan", "data", "=state", "=connectors", "=formats", "state.memory")),
            entry("serving", List.of("=engine", "=state", "data", "api")),
            entry("operator", List.of("api")));

    /** Libraries and the one package that knows each. */
    private static final Map<String, String> ONLY_HOME = Map.of(
            "org.apache.calcite", "sql",
            "org.rocksdb", "state.rocksdb",
            "com.cronutils", "api",
            "org.apache.kafka", "kafka",
            "com.sun.net.httpserver", "serving",
            "software.amazon.awssdk", "stores",
            "io.javaoperatorsdk", "operator",
            "io.fabric8.kubernetes.client", "operator",
            "picocli", "cli");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.millrace");

    @Test
    void packagesImportOneWay() {
        List<String> violations = new ArrayList<>();
        for (JavaClass javaClass : CLASSES) {
            String from = relative(javaClass.getPackageName());
            String top = from.split("\\.")[0];
            if (top.equals("cli")) {
                continue;
            }
            assertTrue(MAY_USE.containsKey(top), () -> "the package " + top + " is not in the table");
            for (Dependency dependency : javaClass.getDirectDependenciesFromSelf()) {
                String to = dependency.getTargetClass().getPackageName();
                if (to.startsWith(BASE) && !allowed(top, relative(to))) {
                    violations.add(dependency.getDescription());
                }
            }
        }
        assertEquals(List.of(), violations);
    }

    private static boolean allowed(String top, String target) {
        if (target.split("\\.")[0].equals(top)) {
            return true;
        }
        for (String rule : MAY_USE.get(top)) {
            boolean root = rule.startsWith("=");
            String name = root ? rule.substring(1) : rule;
            if (target.equals(name) || (!root && target.startsWith(name + "."))) {
                return true;
            }
        }
        return false;
    }

    private static String relative(String packageName) {
        return packageName.substring(BASE.length());
    }

    @Test
    void librariesHaveOneHome() {
        List<String> violations = new ArrayList<>();
        for (JavaClass javaClass : CLASSES) {
            String from = relative(javaClass.getPackageName());
            for (Dependency dependency : javaClass.getDirectDependenciesFromSelf()) {
                String to = dependency.getTargetClass().getPackageName();
                ONLY_HOME.forEach((library, home) -> {
                    boolean uses = to.equals(library) || to.startsWith(library + ".");
                    if (uses && !from.equals(home) && !from.startsWith(home + ".")) {
                        violations.add(dependency.getDescription());
                    }
                });
            }
        }
        assertEquals(List.of(), violations);
    }

    @Test
    void packageRootsHaveNoCycles() {
        Set<String> seen = MAY_USE.keySet();
        MAY_USE.forEach((from, targets) -> targets.forEach(target -> {
            String name = target.replace("=", "").split("\\.")[0];
            assertTrue(seen.contains(name));
            List<String> back = MAY_USE.get(name);
            assertTrue(
                    !back.contains(from) && !back.contains("=" + from),
                    () -> from + " and " + name + " use each other");
        }));
    }
}
