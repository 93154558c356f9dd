package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.Size;
import dev.millrace.api.StreamingQueryStatus.Slot;
import dev.millrace.api.StreamingQueryStatus.Volume;
import dev.millrace.operator.reconcile.Decision.Action;
import dev.millrace.operator.reconcile.Decision.GrowClaim;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.ClaimView;
import dev.millrace.operator.reconcile.Observed.EngineView;
import dev.millrace.operator.resources.Children;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** How large a volume is to be: what the spec says, and where it may grow by itself, half as much again, or enough for a day, when it is nearly full
 * or will be soon. */
final class Volumes {

    private static final long MEBIBYTE = 1L << 20;

    /** When it is told that a volume will be full. */
    private static final Duration SOON = Duration.ofDays(1);

    /** Some clouds let a volume grow once in six hours. */
    private static final Duration GROWS_BEFORE = Duration.ofHours(7);

    private static final Duration FAR = Duration.ofDays(1000);

    private final Observed seen;
    private final List<Action> actions;
    private final List<Notice> notices;
    private final JsonNode wanted;

    private Volumes(Observed seen, List<Action> actions, List<Notice> notices) {
        this.seen = seen;
        this.actions = actions;
        this.notices = notices;
        this.wanted = seen.spec().at("/state/volume");
    }

    /** Looks at the volumes of all slots and standbys; returns how full they are. */
    static List<Volume> decide(
            Observed seen, List<Slot> slots, List<SlotDecision> decided, List<Action> actions, List<Notice> notices) {
        Map<String, Optional<EngineProgress>> says = new LinkedHashMap<>();
        for (Slot slot : slots) {
            if (slot.claim() != null) {
                says.put(
                        slot.claim(),
                        slot.slot() < decided.size() ? decided.get(slot.slot()).progress() : Optional.empty());
            }
            if (slot.standby() != null) {
                String claim = slot.standby().pod();
                says.put(claim, Optional.ofNullable(seen.engines().get(claim)).map(EngineView::progress));
            }
        }
        List<Volume> volumes = VolumeForecast.next(seen.status().volumes(), says, seen.now());
        Volumes decider = new Volumes(seen, actions, notices);
        says.forEach((claim, engine) -> seen.claims().stream()
                .filter(one -> one.name().equals(claim) && one.requested() > 0)
                .findFirst()
                .ifPresent(mounted -> decider.look(mounted, engine, filled(volumes, claim))));
        return volumes;
    }

    private static Optional<Volume> filled(List<Volume> volumes, String claim) {
        return (volumes == null ? List.<Volume>of() : volumes)
                .stream().filter(one -> one.claim().equals(claim)).findFirst();
    }

    /**
     * @param engine what the pod on the volume says, if it answers
     */
    private void look(ClaimView claim, Optional<EngineProgress> engine, Optional<Volume> filled) {
        String asked = wanted.path("size").asText(Children.DEFAULT_VOLUME);
        if (Size.ofText(asked).value() > claim.requested()) {
            actions.add(new GrowClaim(claim.name(), claim.resourceVersion(), asked));
        } else if (engine.isPresent() && isItsOwn(claim, engine.get())) {
            fills(claim, engine.get(), filled);
        }
    }

    private void fills(ClaimView claim, EngineProgress engine, Optional<Volume> filled) {
        boolean isShort = engine.volumeShort();
        Duration full = isHalfFull(engine)
                ? filled.flatMap(one -> VolumeForecast.fullIn(one, engine.volumeFree()))
                        .orElse(FAR)
                : FAR;
        String limit = wanted.at("/autoGrow/limit").asText("");
        long most = limit.isEmpty() ? 0 : Size.ofText(limit).value();
        if (most <= claim.requested()) {
            tight(claim, isShort, full, limit.isEmpty()).ifPresent(notices::add);
        } else if (isShort || full.compareTo(GROWS_BEFORE) <= 0) {
            long next = Math.min(most, larger(claim, filled));
            grow(claim, next == most ? limit : (next + MEBIBYTE - 1) / MEBIBYTE + "Mi", isShort, full);
        }
    }

    /** Half as much again, or enough for a day, twice as much at most; it never shrinks. */
    private static long larger(ClaimView claim, Optional<Volume> filled) {
        long day = filled.map(one -> one.usedBytes() + (one.growthPerDay() == null ? 0 : one.growthPerDay()))
                .orElse(0L);
        return Math.max(claim.requested() + claim.requested() / 2, Math.min(day, 2 * claim.requested()));
    }

    private void grow(ClaimView claim, String size, boolean isShort, Duration full) {
        String why = isShort ? "is nearly full" : willBeFull(full);
        notices.add(new Notice(
                false,
                "VolumeGrows",
                "the volume " + claim.name() + " " + why + " and grows to " + size,
                claim.name()));
        actions.add(new GrowClaim(claim.name(), claim.resourceVersion(), size));
    }

    private static String willBeFull(Duration full) {
        return "is full in " + VolumeForecast.text(full) + " if it goes on to fill as in the last hours,";
    }

    /** What is told of a volume that may not grow by itself. */
    private static Optional<Notice> tight(ClaimView claim, boolean isShort, Duration full, boolean isFixed) {
        String raise = isFixed
                ? "state.volume.size, or let it grow by state.volume.autoGrow.limit"
                : "state.volume.autoGrow.limit";
        String name = claim.name();
        if (isShort) {
            String what = "less than a fifth of the volume " + name + " is free; raise " + raise;
            return Optional.of(new Notice(true, "VolumeAlmostFull", what, name));
        }
        return full.compareTo(SOON) > 0
                ? Optional.empty()
                : Optional.of(new Notice(
                        true,
                        "VolumeFullSoon",
                        "the volume " + name + " " + willBeFull(full) + " raise " + raise,
                        name));
    }

    private static boolean isHalfFull(EngineProgress engine) {
        return engine.volumeFree() * 2 < engine.volumeBytes();
    }

    /** Some volumes are directories of a larger disk, and some have not grown yet to what was asked last. */
    private static boolean isItsOwn(ClaimView claim, EngineProgress engine) {
        if (engine.volumeBytes() == null || engine.volumeFree() == null) {
            return false;
        }
        double share = (double) engine.volumeBytes() / claim.requested();
        return share > 0.85 && share < 1.15;
    }
}
