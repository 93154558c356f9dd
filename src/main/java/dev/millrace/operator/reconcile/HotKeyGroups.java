package dev.millrace.operator.reconcile;

import dev.millrace.api.EngineProgress;
import dev.millrace.api.StreamingQueryStatus.HotKeyGroup;
import dev.millrace.operator.reconcile.Decision.Notice;
import java.util.List;
import java.util.stream.Collectors;

/** Key groups that have many of the rows, as users see them. */
final class HotKeyGroups {

    private static final int MOST = 20;

    private HotKeyGroups() {}

    /** Those of all slots, for a status. */
    static List<HotKeyGroup> of(List<SlotDecision> slots) {
        return slots.stream()
                .flatMap(slot -> slot.progress().stream()
                        .flatMap(engine -> hot(engine).stream())
                        .map(hot -> new HotKeyGroup(
                                hot.keyGroup(), slot.slot().slot(), Statuses.rounded(Double.valueOf(hot.share())))))
                .limit(MOST)
                .toList();
    }

    /** Each is news once. */
    static List<Notice> notices(SlotDecision slot) {
        return slot.progress().stream()
                .flatMap(engine -> hot(engine).stream())
                .map(hot -> new Notice(
                        false,
                        "HotKeyGroup",
                        "key group " + hot.keyGroup() + " has many more rows than the others of slot "
                                + slot.slot().slot()
                                + ": look which key that is; more pods do not make it faster, more CPU does",
                        "key group " + hot.keyGroup()))
                .toList();
    }

    /** To tell a change. */
    static String text(EngineProgress engine) {
        return hot(engine).stream()
                .map(hot -> hot.keyGroup() + ":" + Statuses.rounded(Double.valueOf(hot.share())))
                .collect(Collectors.joining(","));
    }

    private static List<EngineProgress.HotKeyGroup> hot(EngineProgress engine) {
        return engine.hotKeyGroups() == null ? List.of() : engine.hotKeyGroups();
    }
}
