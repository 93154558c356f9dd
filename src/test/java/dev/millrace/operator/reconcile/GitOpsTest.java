package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.millrace.api.StreamingQueryStatus.Condition;
import dev.millrace.api.Verdict;
import dev.millrace.operator.reconcile.DeciderTest.World;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.luaj.vm2.Globals;
import org.luaj.vm2.LuaTable;
import org.luaj.vm2.LuaValue;
import org.luaj.vm2.lib.jse.JsePlatform;

/** What Argo CD's script and kstatus (Flux, {@code kubectl wait}) make of statuses as the operator writes them. */
class GitOpsTest {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String SUSPENDED = DeciderTest.with(DeciderTest.KAFKA, "\"suspend\": true");

    private static String argo(World world) throws IOException {
        return argo(world.generation, world.status);
    }

    private static String argo(long generation, Object status) throws IOException {
        ObjectNode resource = JSON.createObjectNode();
        resource.putObject("metadata").put("name", "q").put("generation", generation);
        resource.set("status", JSON.valueToTree(status));
        Globals globals = JsePlatform.standardGlobals();
        globals.set("obj", lua(resource));
        LuaValue health = globals.load(Files.readString(Path.of("docs/gitops/health.lua")))
                .call();
        return health.get("status").tojstring();
    }

    private static LuaValue lua(JsonNode node) {
        if (node.isObject()) {
            LuaTable table = new LuaTable();
            node.properties().forEach(entry -> table.set(entry.getKey(), lua(entry.getValue())));
            return table;
        }
        if (node.isArray()) {
            LuaTable table = new LuaTable();
            for (int i = 0; i < node.size(); i++) {
                table.set(i + 1, lua(node.get(i)));
            }
            return table;
        }
        return node.isNumber()
                ? LuaValue.valueOf(node.asDouble())
                : node.isNull() ? LuaValue.NIL : LuaValue.valueOf(node.asText());
    }

    /** The rules of kstatus for a resource that has its conditions. */
    private static String kstatus(World world) {
        if (world.status.observedGeneration() == null || world.status.observedGeneration() != world.generation) {
            return "InProgress";
        }
        if (is(world, "Reconciling", "True")) {
            return "InProgress";
        }
        if (is(world, "Stalled", "True")) {
            return "Failed";
        }
        return is(world, "Ready", "False") || is(world, "Ready", "Unknown") ? "InProgress" : "Current";
    }

    private static boolean is(World world, String type, String status) {
        return Conditions.find(world.status.conditions(), type)
                .map(Condition::status)
                .filter(status::equals)
                .isPresent();
    }

    private static void reads(String argo, String kstatus, World world) throws IOException {
        assertEquals(argo, argo(world));
        assertEquals(kstatus, kstatus(world));
    }

    @Test
    void aQueryOnItsWay() throws IOException {
        World world = new World(DeciderTest.KAFKA);
        reads("Progressing", "InProgress", world);
        world.verdict = Optional.empty();
        reads("Progressing", "InProgress", world.look());
        world.verdict(new Verdict(List.of(), "plan-a", java.util.Map.of(), List.of(), "", null));
        reads("Progressing", "InProgress", world.look());
        reads("Progressing", "InProgress", world.trouble("ImageNotPulled").look());
        reads("Healthy", "Current", World.running(DeciderTest.KAFKA));
        reads(
                "Progressing",
                "InProgress",
                World.running(DeciderTest.KAFKA).answers("waiting").look());
    }

    @Test
    void aSpecThatWasNotSeenYet() throws IOException {
        reads("Progressing", "InProgress", World.running(DeciderTest.KAFKA).spec(SUSPENDED));
    }

    @Test
    void aSuspendedQuery() throws IOException {
        reads("Suspended", "Current", new World(SUSPENDED).look());
        World world = World.running(DeciderTest.KAFKA).spec(SUSPENDED).look();
        assertEquals("InProgress", kstatus(world));
        reads("Suspended", "Current", world.gone().look());
    }

    @Test
    void whatNeedsItsUser() throws IOException {
        Verdict refused = Verdict.refused(List.of(new Verdict.Finding("SqlSyntax", "spec.query:1:1", "no")));
        reads(
                "Degraded",
                "Failed",
                new World(DeciderTest.KAFKA).verdict(refused).look());
        reads(
                "Degraded",
                "Failed",
                World.running(DeciderTest.KAFKA)
                        .spec(DeciderTest.KAFKA.replace("1", "one"))
                        .verdict(refused)
                        .answers("running")
                        .look());
        reads(
                "Degraded",
                "Failed",
                World.running(DeciderTest.KAFKA)
                        .ended("Failed", "SourceDataLost", 1)
                        .look());
    }

    @Test
    void aCompletedQuery() throws IOException {
        reads(
                "Healthy",
                "Current",
                World.running(DeciderTest.KAFKA).ended("Completed", "", 1).look());
    }

    @Test
    void aSavepointIsHealthyOnceItIsThere() throws IOException {
        SavepointDeciderTest.World savepoint = new SavepointDeciderTest.World(null);
        assertEquals("Progressing", argo(1, savepoint.status));
        assertEquals("Progressing", argo(1, savepoint.look().status));
        assertEquals("Healthy", argo(1, savepoint.taken().status));
        assertEquals(
                "Degraded",
                argo(1, new SavepointDeciderTest.World(null).withoutStore().look().status));
    }
}
