package io.flowloop.rollout;

import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.slf4j.MDC;

/**
 * What a log line is about, beside what it says: the keys of SLF4J's diagnostic context. Structured
 * logs have them as fields.
 */
public final class LogContext {

  /** The training step, 0-based. */
  private static final String STEP = "step";

  /** Index of a prompt among those of the step. */
  private static final String GROUP = "group";

  /** The rows of a rollout request, such as {@code 48-63}. */
  private static final String REQUEST = "request";

  private LogContext() {}

  /** An actor all of whose lines are about a step. */
  public static <T> Behavior<T> ofStep(Class<T> command, int step, Behavior<T> behavior) {
    return Behaviors.withMdc(command, Map.of(STEP, String.valueOf(step)), behavior);
  }

  /** What this thread logs is about a group, until that is closed. */
  public static MDC.MDCCloseable group(int group) {
    return MDC.putCloseable(GROUP, String.valueOf(group));
  }

  /** What this thread logs is about a request of these rows, until that is closed. */
  public static MDC.MDCCloseable request(List<Integer> rows) {
    return MDC.putCloseable(REQUEST, text(rows));
  }

  /** What this thread logs is about requests that share forwards, until that is closed. */
  static MDC.MDCCloseable requests(List<RolloutRequest> requests) {
    return MDC.putCloseable(
        REQUEST,
        requests.stream()
            .map(request -> text(request.seeds().stream().map(RowSeed::row).toList()))
            .collect(Collectors.joining(",")));
  }

  private static String text(List<Integer> rows) {
    int first = rows.getFirst();
    return rows.size() == 1 ? String.valueOf(first) : first + "-" + rows.getLast();
  }
}
