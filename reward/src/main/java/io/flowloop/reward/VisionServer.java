package io.flowloop.reward;

import static java.util.concurrent.TimeUnit.NANOSECONDS;

import io.flowloop.config.BreakerConfig;
import io.flowloop.config.VlmOcrConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig.SlidingWindowType;
import io.github.resilience4j.core.IntervalFunction;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A server that reads questions about images for many threads, a few at a time. It is asked again
 * while it does not answer, and left alone when it did not for several questions in a row.
 */
final class VisionServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(VisionServer.class);

  /** Before the second attempt, the third and so on. */
  private static final IntervalFunction PAUSES =
      IntervalFunction.ofExponentialRandomBackoff(
          Duration.ofMillis(250), 2, 0.5, Duration.ofSeconds(4));

  private final ChatClient client;
  private final VlmOcrConfig config;
  private final Duration limit;
  private final Time time;
  private final Semaphore slots;
  private final CircuitBreaker breaker;
  private volatile String lastOutage = "gave nothing";

  /**
   * A server that must be closed.
   *
   * @param limit longest time for all attempts at a question
   */
  VisionServer(ChatClient client, VlmOcrConfig config, Duration limit, Time time) {
    this.client = client;
    this.config = config;
    this.limit = limit;
    this.time = time;
    this.slots = new Semaphore(config.concurrency(), true);
    this.breaker = breaker(config.breaker(), time.clock());
    breaker
        .getEventPublisher()
        .onStateTransition(event -> log(event.getStateTransition().getToState()));
  }

  /** Open after so many failures in a row, and closed again after one success. */
  private static CircuitBreaker breaker(BreakerConfig config, Clock clock) {
    return CircuitBreaker.of(
        VlmOcrConfig.NAME,
        CircuitBreakerConfig.custom()
            .slidingWindowType(SlidingWindowType.COUNT_BASED)
            .slidingWindowSize(config.failures())
            .minimumNumberOfCalls(config.failures())
            .failureRateThreshold(100)
            .waitDurationInOpenState(Duration.ofMillis(Math.max(1, config.pause().toMillis())))
            .permittedNumberOfCallsInHalfOpenState(1)
            .clock(clock)
            .build());
  }

  private void log(CircuitBreaker.State state) {
    switch (state) {
      case OPEN ->
          LOG.warn("{} does not answer; left alone for {}", client.url(), config.breaker().pause());
      case CLOSED -> LOG.warn("{} answers again", client.url());
      default -> LOG.debug("{}: {}", client.url(), state);
    }
  }

  /**
   * The answer to a question of {@link ChatJson}: the text of its image.
   *
   * @throws RewardException if there is none, or the server is left alone; names the server
   */
  String read(String question) throws RewardException, InterruptedException {
    if (!breaker.tryAcquirePermission()) {
      throw failure(
          ("%s, as for %d images in a row; it is left alone (the circuit breaker is open), and after"
                  + " %s one image is tried")
              .formatted(lastOutage, config.breaker().failures(), config.breaker().pause()));
    }
    boolean judged = false;
    try {
      Reply reply = inTurn(question, time.clock().instant().plus(limit));
      judged = true;
      return text(reply);
    } finally {
      if (!judged) {
        breaker.releasePermission();
      }
    }
  }

  /** Ends what is under way. */
  @Override
  public void close() {
    client.close();
  }

  private String text(Reply reply) throws RewardException {
    return switch (reply) {
      case Reply.Reading(String text) -> {
        breaker.onSuccess(0, NANOSECONDS);
        yield text;
      }
      case Reply.Refusal(String why) -> {
        breaker.onSuccess(0, NANOSECONDS);
        throw failure(why);
      }
      case Reply.NoAnswer(String why, Optional<Duration> _) -> throw outage(why);
      case Reply.Garbage(String why) -> throw outage(why);
    };
  }

  private RewardException outage(String why) {
    lastOutage = why;
    RewardException outage = failure(why);
    breaker.onError(0, NANOSECONDS, outage);
    return outage;
  }

  private RewardException failure(String why) {
    return new RewardException(
        "reward function %s: %s %s".formatted(VlmOcrConfig.NAME, client.url(), why));
  }

  private Reply inTurn(String question, Instant end) throws RewardException, InterruptedException {
    if (!slots.tryAcquire(left(end).toNanos(), NANOSECONDS)) {
      throw failure(
          ("had no turn for an image within %s (expected: one of %d at a time); raise concurrency, or"
                  + " lower reward.concurrency")
              .formatted(limit, config.concurrency()));
    }
    try {
      return attempts(question, end);
    } finally {
      slots.release();
    }
  }

  private Reply attempts(String question, Instant end) throws InterruptedException {
    for (int attempt = 1; ; attempt++) {
      Reply reply = client.ask(question, shorter(config.timeout(), left(end)));
      if (!(reply instanceof Reply.NoAnswer(String why, Optional<Duration> asked))) {
        return reply;
      }
      String attempts = "%s (attempt %d of %d".formatted(why, attempt, 1L + config.retries());
      if (attempt > config.retries()) {
        return new Reply.NoAnswer(attempts + ")");
      }
      Duration pause =
          longer(Duration.ofMillis(PAUSES.apply(attempt)), asked.orElse(Duration.ZERO));
      if (pause.compareTo(left(end)) >= 0) {
        return new Reply.NoAnswer(
            attempts + "; the next one would come too late for reward.timeout)");
      }
      time.sleep(pause);
    }
  }

  private Duration left(Instant end) {
    return Duration.between(time.clock().instant(), end);
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  private static Duration longer(Duration one, Duration other) {
    return one.compareTo(other) > 0 ? one : other;
  }
}
