package dev.millrace.operator.reconcile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.millrace.operator.reconcile.Observed.Trouble;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.client.utils.Serialization;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Why a pod does not run, from what Kubernetes says of it. */
class PodsTest {

    private static Trouble crashing(String last) {
        Pod pod = Serialization.unmarshal("""
                metadata:
                  name: q-0-1
                  creationTimestamp: "2026-03-01T10:00:00Z"
                  labels: {millrace.dev/slot: "0", millrace.dev/incarnation: "1", app.kubernetes.io/component: engine}
                spec: {containers: [{name: engine}], volumes: [{name: state, persistentVolumeClaim: {claimName: q-0-1}}]}
                status:
                  phase: Running
                  containerStatuses:
                    - name: engine
                      restartCount: 4
                      state: {waiting: {reason: CrashLoopBackOff}}
                      lastState: {terminated: %s}
                """.formatted(last), Pod.class);
        return Pods.view(pod, List.of()).trouble().orElseThrow();
    }

    @Test
    void anEngineThatEndsForWantOfMemorySaysWhatToDo() {
        Trouble killed = crashing("{reason: OOMKilled, exitCode: 137}");
        assertEquals("OutOfMemory", killed.reason());
        Trouble heap = crashing("{reason: Error, exitCode: 3}");
        assertEquals("OutOfMemory", heap.reason());
        assertTrue(heap.message().contains("its heap, 40 percent of scaling.resources.min.memory"), heap.message());
        Trouble other = crashing("{reason: Error, exitCode: 1, message: a reason}");
        assertEquals(new Trouble("CrashLoop", "its engine ended 4 times: exit status 1, a reason"), other);
    }
}
