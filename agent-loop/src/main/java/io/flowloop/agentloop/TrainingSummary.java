package io.flowloop.agentloop;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * What came of a training run.
 *
 * @param step training steps done, those of the run it went on from included
 * @param stopped whether it was stopped before its last step
 * @param first the validation of the policy that this call began with
 * @param best the best validation of the whole run
 * @param last the last validation
 * @param elapsed wall time of this call
 * @param dir where everything lies
 */
public record TrainingSummary(
    int step,
    boolean stopped,
    Optional<Checkpoint.Best> first,
    Optional<Checkpoint.Best> best,
    Optional<Checkpoint.Best> last,
    Duration elapsed,
    Path dir) {}
