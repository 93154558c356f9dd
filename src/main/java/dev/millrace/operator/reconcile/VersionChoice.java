package dev.millrace.operator.reconcile;

import com.fasterxml.jackson.databind.JsonNode;
import dev.millrace.api.EngineOutcome;
import dev.millrace.api.StreamingQueryStatus;
import dev.millrace.api.StreamingQueryStatus.Previous;
import dev.millrace.api.StreamingQueryStatus.Rejected;
import dev.millrace.api.StreamingQueryStatus.Restore;
import dev.millrace.api.StreamingQueryStatus.RestoredFrom;
import dev.millrace.api.StreamingQueryStatus.Version;
import dev.millrace.api.Verdict;
import dev.millrace.operator.reconcile.Decision.Notice;
import dev.millrace.operator.reconcile.Observed.Trouble;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Which version of a query is to run: the one that the spec asks for, unless the compiler refuses it, its plan is another
 * one than the state was written by, or it was taken back already. Then the one that runs goes on, and conditions say why.
 *
 * @param target what is to run; null where nothing ever could
 * @param lastGood the last version that made progress
 * @param restoredFrom the savepoint that the state began from; null for none
 * @param restore the last restore, while it is not known to have succeeded
 * @param forgotten whether the state of before is given up with this choice
 */
record VersionChoice(
        Version target,
        String lastGood,
        Rejected rejected,
        String stateId,
        RestoredFrom restoredFrom,
        Integer restoreNonce,
        Restore restore,
        boolean forgotten) {

    private static final int SHOWN_PROBLEMS = 5;

    /**
     * What the wanted version calls its topics and files. A state that was given up is not taken up again: the nonce that did
     * it is part of the name of the new one.
     */
    static String stateId(JsonNode spec, String uid, StreamingQueryStatus status) {
        String base = spec.at("/state/id").asText(uid);
        return newRestore(spec, status)
                .map(restore -> restore.path("nonce").asInt())
                .map(nonce -> base + "-" + nonce)
                .orElse(status.stateId() == null ? base : status.stateId());
    }

    /** The ids that a version with this id leaves behind. */
    static List<String> formerStateIds(String stateId, StreamingQueryStatus status) {
        List<String> former = new ArrayList<>(status.formerStateIds() == null ? List.of() : status.formerStateIds());
        if (status.stateId() != null && !status.stateId().equals(stateId)) {
            former.add(status.stateId());
        }
        former.remove(stateId); // a query that went back
        return former;
    }

    /** The wish to start from a savepoint or from nothing, while it was not performed: each number is one once. */
    private static Optional<JsonNode> newRestore(JsonNode spec, StreamingQueryStatus status) {
        JsonNode restore = spec.at("/upgrade/restore");
        return restore.isObject()
                        && !Integer.valueOf(restore.path("nonce").asInt()).equals(status.restoreNonce())
                ? Optional.of(restore)
                : Optional.empty();
    }

    /** The savepoint that the spec asks to start from, while that was not done. */
    static Optional<String> wantedSavepoint(JsonNode spec, StreamingQueryStatus status) {
        return newRestore(spec, status)
                .map(restore -> restore.path("from").asText())
                .filter(from -> !from.equals("none"));
    }

    /**
     * The savepoint that the state of the wanted version begins from.
     *
     * @param wanted the one that is asked for, as far as it is there
     */
    static Optional<RestoredFrom> origin(JsonNode spec, StreamingQueryStatus status, Optional<RestoredFrom> wanted) {
        return newRestore(spec, status).isPresent() ? wanted : Optional.ofNullable(status.restoredFrom());
    }

    /** What the status says, before anything is chosen. */
    static VersionChoice before(StreamingQueryStatus status) {
        return new VersionChoice(
                status.current(),
                status.lastGood(),
                status.rejected(),
                status.stateId(),
                status.restoredFrom(),
                status.restoreNonce(),
                status.restore(),
                false);
    }

    static VersionChoice choose(Observed seen, Verdict verdict, Conditions conditions, List<Notice> notices) {
        conditions.set(Conditions.STALLED, false, "AsWanted", "");
        conditions.set(Conditions.UP_TO_DATE, true, "AsWanted", "the pods run what the spec says");
        VersionChoice chosen = chosen(seen, verdict, conditions, notices);
        Restore failed = chosen.restore;
        JsonNode nonce = seen.spec().at("/upgrade/restore/nonce");
        boolean asked = failed != null && failed.failure() != null && nonce.isInt() && nonce.asInt() == failed.nonce();
        if (asked) {
            stall(conditions, "RestoreFailed", failed.failure());
        }
        return chosen;
    }

    private static VersionChoice chosen(Observed seen, Verdict verdict, Conditions conditions, List<Notice> notices) {
        VersionChoice before = before(seen.status());
        if (!verdict.accepted()) {
            return refused(before, verdict, conditions, notices);
        }
        String wanted = seen.wanted().name();
        if (before.rejected != null && before.rejected.config().equals(wanted)) {
            stall(
                    conditions,
                    "RolledBack",
                    before.rejected.message() + "; the version before it runs. Change the spec to try again");
            return before;
        }
        Optional<Trouble> unusable = restoreTrouble(seen, verdict);
        if (unusable.isPresent()) {
            stall(conditions, unusable.get().reason(), unusable.get().message());
            notices.add(new Notice(true, unusable.get().reason(), unusable.get().message()));
            return before;
        }
        boolean sameState = seen.wantedStateId().equals(before.stateId);
        boolean otherPlan = before.target != null && !verdict.planId().equals(before.target.planId());
        if (otherPlan && before.lastGood != null && sameState) {
            return needsRebuild(before, verdict, conditions, notices);
        }
        if (before.target != null && before.target.config().equals(wanted)) {
            return before.withoutRejection();
        }
        if (seen.wanted().undivided() != null && sameState && seen.status().division() != null) {
            return cannotBeDivided(before, seen.wanted().undivided(), conditions, notices);
        }
        return next(seen, before, verdict, notices);
    }

    /** Why the state that the spec asks for cannot be begun. */
    private static Optional<Trouble> restoreTrouble(Observed seen, Verdict verdict) {
        Optional<JsonNode> restore = newRestore(seen.spec(), seen.status());
        if (restore.isEmpty()) {
            return Optional.empty();
        }
        if (formerStateIds("", seen.status()).contains(seen.wantedStateId())) {
            return Optional.of(new Trouble(
                    "NonceUsed",
                    "upgrade.restore.nonce " + restore.get().path("nonce").asInt()
                            + " was used before; give another number for another restore"));
        }
        if (seen.writesTheSameFiles()) {
            return Optional.of(new Trouble(
                    "RestoreWithFiles",
                    "the query writes files, which have later epochs already: give its outputs"
                            + " other paths with the restore"));
        }
        return seen.savepoint().flatMap(savepoint -> savepoint.trouble(seen.wanted(), verdict.planId()));
    }

    private static VersionChoice refused(
            VersionChoice before, Verdict verdict, Conditions conditions, List<Notice> notices) {
        String text = verdict.problems().stream()
                .limit(SHOWN_PROBLEMS)
                .map(finding -> finding.field() + ": " + finding.code() + ": " + finding.message())
                .collect(Collectors.joining("; "));
        stall(conditions, verdict.problems().get(0).code(), text);
        notices.add(new Notice(true, "Refused", text));
        return before;
    }

    private static VersionChoice needsRebuild(
            VersionChoice before, Verdict verdict, Conditions conditions, List<Notice> notices) {
        String text = "the query means something else than the one whose state is kept (plan " + before.target.planId()
                + ", now " + verdict.planId() + "), which goes on. To compute the new one from the first offset:"
                + " upgrade.restore: {from: none, nonce: <a new number>, acknowledgeStateLoss: true}";
        stall(conditions, "NeedsRebuild", text);
        notices.add(new Notice(true, "PlanRejected", text));
        return before.withoutRejection();
    }

    private static VersionChoice cannotBeDivided(
            VersionChoice before, String why, Conditions conditions, List<Notice> notices) {
        String text =
                "the query was divided into slots, and what it asks for now runs in one only, so the version before"
                        + " goes on: " + why;
        stall(conditions, "NotSupportedInSlots", text);
        notices.add(new Notice(true, "Refused", text));
        return before.withoutRejection();
    }

    private VersionChoice withoutRejection() {
        return new VersionChoice(target, lastGood, null, stateId, restoredFrom, restoreNonce, restore, false);
    }

    private static VersionChoice next(Observed seen, VersionChoice before, Verdict verdict, List<Notice> notices) {
        String wanted = seen.wanted().name();
        boolean forgotten = before.stateId != null && !seen.wantedStateId().equals(before.stateId);
        if (forgotten) {
            notices.add(new Notice(
                    seen.savepoint().isEmpty(),
                    seen.savepoint().isEmpty() ? "StateForgotten" : "SavepointRestored",
                    seen.savepoint()
                            .map(savepoint -> "the query goes back to savepoint " + savepoint.name() + " of epoch "
                                    + savepoint.status().epoch() + " as " + seen.wantedStateId()
                                    + "; what it wrote after that is written again")
                            .orElse("the query starts from the first offset as " + seen.wantedStateId())));
        }
        notices.add(new Notice(false, "Planned", "version " + wanted + ", plan " + verdict.planId()));
        Version target =
                new Version(wanted, verdict.planId(), seen.wanted().pod().image(), Decider.time(seen.now()));
        return new VersionChoice(
                target,
                forgotten ? null : before.lastGood,
                null,
                seen.wantedStateId(),
                seen.wantedOrigin().orElse(null),
                newRestore(seen.spec(), seen.status())
                        .map(restore -> restore.path("nonce").asInt())
                        .orElse(before.restoreNonce),
                forgotten ? before.restoring(seen) : before.restore,
                forgotten);
    }

    /** The last version that made progress, and why the one after it is not tried again. */
    VersionChoice rolledBack(
            Observed seen, String reason, String message, Conditions conditions, List<Notice> notices) {
        String text = "version " + target.config() + " was taken back: " + message;
        stall(conditions, "RolledBack", text);
        notices.add(new Notice(true, "RolledBack", text));
        return new VersionChoice(
                new Version(lastGood, target.planId(), null, Decider.time(seen.now())),
                lastGood,
                new Rejected(target.config(), reason, text),
                stateId,
                restoredFrom,
                restoreNonce,
                restore,
                false);
    }

    /** What can be gone back to if the restore that begins now fails; null where there is nothing. */
    private Restore restoring(Observed seen) {
        if (lastGood == null || target == null) {
            return null;
        }
        long epoch =
                seen.savepoint().map(savepoint -> savepoint.status().epoch()).orElse(0L);
        Integer nonce = seen.spec().at("/upgrade/restore/nonce").asInt();
        return new Restore(nonce, new Previous(lastGood, target.planId(), stateId, restoredFrom, epoch), null);
    }

    /**
     * Whether a restore failed before it wrote anything, and there is a state to go back to. An engine that does not say where
     * it was may have written in an earlier life; not so where it never came by the savepoint.
     */
    boolean canGoBack(EngineOutcome outcome) {
        if (restore == null || restore.previous() == null || lastGood != null) {
            return false;
        }
        boolean known = outcome.epoch() != null && outcome.epoch() >= 0;
        return known
                ? outcome.epoch() <= restore.previous().epoch()
                : outcome.code().equals("SavepointUnusable");
    }

    /** The query as it was before a restore that failed. */
    VersionChoice wentBack(Observed seen, EngineOutcome outcome, Conditions conditions, List<Notice> notices) {
        Previous previous = restore.previous();
        String text = "the restore of nonce " + restore.nonce() + " failed, and the query goes on as it was before: "
                + outcome.code() + ": " + outcome.message();
        stall(conditions, "RestoreFailed", text);
        notices.add(new Notice(true, "RestoreFailed", text));
        return new VersionChoice(
                new Version(previous.config(), previous.planId(), null, Decider.time(seen.now())),
                previous.config(),
                null,
                previous.stateId(),
                previous.restoredFrom(),
                restoreNonce,
                new Restore(restore.nonce(), null, text),
                true);
    }

    /** The version has made progress. */
    VersionChoice proven() {
        boolean succeeded = restore != null && restore.previous() != null;
        return new VersionChoice(
                target,
                target.config(),
                rejected,
                stateId,
                restoredFrom,
                restoreNonce,
                succeeded ? null : restore,
                forgotten);
    }

    boolean isProven() {
        return target.config().equals(lastGood);
    }

    private static void stall(Conditions conditions, String reason, String message) {
        conditions.set(Conditions.STALLED, true, reason, message);
        conditions.set(Conditions.UP_TO_DATE, false, reason, message);
    }
}
