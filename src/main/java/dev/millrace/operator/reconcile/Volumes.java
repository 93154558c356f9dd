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

    private Volumes() {}

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
        says.forEach((claim, engine) -> {
            Optional<Volume> volume = (volumes == null ? List.<Volume>of() : volumes)
                    .stream().filter(one -> one.claim().equals(claim)).findFirst();
            growth(seen, claim, engine, volume, notices).ifPresent(actions::add);
        });
        return volumes;
    }

    /**
     * @param engine what the pod on the volume says, if it answers
     */
    private static Optional<GrowClaim> growth(
            Observed seen,
            String claimName,
            Optional<EngineProgress> engine,
            Optional<Volume> filled,
            List<Notice> notices) {
        Optional<ClaimView> mounted = seen.claims().stream()
                .filter(claim -> claim.name().equals(claimName))
                .findFirst();
        if (mounted.isEmpty() || mounted.get().requested() <= 0) {
            return Optional.empty();
        }
        ClaimView claim = mounted.get();
        JsonNode volume = seen.spec().at("/state/volume");
        String asked = volume.path("size").asText(Children.DEFAULT_VOLUME);
        if (Size.ofText(asked).value() > claim.requested()) {
            return Optional.of(new GrowClaim(claim.name(), claim.resourceVersion(), asked));
        }
        if (engine.isEmpty() || !isItsOwn(claim, engine.get())) {
            return Optional.empty();
        }
        boolean isShort = engine.get().volumeShort();
        Duration full = isHalfFull(engine.get())
                ? filled.flatMap(one -> VolumeForecast.fullIn(one, engine.get().volumeFree()))
                        .orElse(FAR)
                : FAR;
        String limit = volume.at("/autoGrow/limit").asText("");
        long most = limit.isEmpty() ? 0 : Size.ofText(limit).value();
        String raise = limit.isEmpty()
                ? "state.volume.size, or let it grow by state.volume.autoGrow.limit"
                : "state.volume.autoGrow.limit";
        if (most <= claim.requested()) {
            tight(claim, isShort, full, raise).ifPresent(notices::add);
            return Optional.empty();
        }
        if (!isShort && full.compareTo(GROWS_BEFORE) > 0) {
            return Optional.empty();
        }
        long day = filled.map(one -> one.usedBytes() + (one.growthPerDay() == null ? 0 : one.growthPerDay()))
                .orElse(0L);
        long half = claim.requested() + claim.requested() / 2;
        long next = Math.min(most, Math.max(half, Math.min(day, 2 * claim.requested()))); // it never shrinks
        String size = next == most ? limit : (next + MEBIBYTE - 1) / MEBIBYTE + "Mi";
        String why = isShort ? "is nearly full" : willBeFull(full);
        notices.add(new Notice(
                false,
                "VolumeGrows",
                "the volume " + claim.name() + " " + why + " and grows to " + size,
                claim.name()));
        return Optional.of(new GrowClaim(claim.name(), claim.resourceVersion(), size));
    }

    private static String willBeFull(Duration full) {
        return "is full in " + VolumeForecast.text(full) + " if it goes on to fill as in the last hours,";
    }

    /** What is told of a volume that may not grow by itself. */
    private static Optional<Notice> tight(ClaimView claim, boolean isShort, Duration full, String raise) {
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
