package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.EngineProgress;
import dev.millrace.api.Size;
import dev.millrace.operator.reconcile.Decision.GrowClaim;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.ClaimView;
import dev.millrace.operator.resources.Children;
import java.util.List;
import java.util.Optional;

/** How large a volume is to be: what the spec says, and where it may grow by itself, half as much again when it is nearly full. */
final class Volumes {

    private static final long MEBIBYTE = 1L << 20;

    private Volumes() {}

    /**
     * @param engine what the pod on the volume says, if it answers
     */
    static Optional<GrowClaim> growth(
            Observed seen, String claimName, Optional<EngineProgress> engine, List<Notice> notices) {
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
        if (engine.isEmpty() || !engine.get().volumeShort() || !isItsOwn(claim, engine.get())) {
            return Optional.empty();
        }
        String limit = volume.at("/autoGrow/limit").asText("");
        long most = limit.isEmpty() ? 0 : Size.ofText(limit).value();
        if (most <= claim.requested()) {
            notices.add(new Notice(
                    true,
                    "VolumeAlmostFull",
                    "less than a fifth of the volume " + claim.name() + " is free; raise "
                            + (limit.isEmpty()
                                    ? "state.volume.size, or let it grow by state.volume.autoGrow.limit"
                                    : "state.volume.autoGrow.limit"),
                    claim.name()));
            return Optional.empty();
        }
        long next = Math.min(most, claim.requested() + claim.requested() / 2);
        String size = next == most ? limit : (next + MEBIBYTE - 1) / MEBIBYTE + "Mi";
        notices.add(new Notice(
                false,
                "VolumeGrows",
                "the volume " + claim.name() + " is nearly full and grows to " + size,
                claim.name()));
        return Optional.of(new GrowClaim(claim.name(), claim.resourceVersion(), size));
    }

    /** Some volumes are directories of a larger disk, and some have not grown yet to what was asked last. */
    private static boolean isItsOwn(ClaimView claim, EngineProgress engine) {
        double share = (double) engine.volumeBytes() / claim.requested();
        return share > 0.85 && share < 1.15;
    }
}
