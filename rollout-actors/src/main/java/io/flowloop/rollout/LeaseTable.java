package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.Sample;
import io.flowloop.engine.SampleTimings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.pekko.actor.typed.ActorRef;

/**
 * Who draws what: the requests that wait, the leases of those that engines have, and the rules by
 * which a request goes to an engine, and to another one. It knows no clock and sends nothing by
 * itself: time comes with each call, in nanoseconds, and what is to be sent goes to an {@link
 * Outbox}.
 *
 * <p>Every request is answered once. It may be leased several times: the first result is its
 * answer, whoever brings it and however late, and any other is counted and dropped. Since a sample
 * depends on its row alone, it does not matter which.
 */
final class LeaseTable {

  /** Failures after which a request has failed. */
  static final int ATTEMPTS = 3;

  /** An engine that takes so many times the usual makes no progress, or is slow. */
  static final int TOO_LONG = 3;

  /** What may always pass without a sign of an engine: a pause of a JVM or of a network. */
  static final Duration PATIENCE = Duration.ofSeconds(1);

  /** Where the table's decisions go. */
  interface Outbox {

    /** Hand an engine what it was granted. */
    void draw(EngineSlot engine, Pack pack);

    /** Tell an engine not to begin with a lease that it has. */
    void cancel(EngineSlot engine, long lease);

    void answer(EngineRouter.Generate order, EngineRouter.Reply reply);
  }

  private final int packGroups;
  private final int maxRowsPerForward;
  private final Outbox outbox;
  private final LinkedHashSet<RoutedRequest> waiting = new LinkedHashSet<>();
  private final Map<Long, RoutedRequest> abandoned = new HashMap<>();
  private final Map<Pace.Key, Median> usual = new HashMap<>();
  private final SortedMap<Integer, Long> forwardsByRows = new TreeMap<>();
  private long granted;
  private long retries;
  private long lateResults;
  private long oomSplits;

  /**
   * @param packGroups requests that an engine is handed at once, 1 or more
   * @param maxRowsPerForward the most rows of several requests that are handed at once
   */
  LeaseTable(int packGroups, int maxRowsPerForward, Outbox outbox) {
    this.packGroups = packGroups;
    this.maxRowsPerForward = maxRowsPerForward;
    this.outbox = outbox;
  }

  void offer(EngineRouter.Generate order, long now) {
    waiting.add(new RoutedRequest(order, now));
  }

  /** Forgets what waits of an asker that has stopped; what engines have of it runs out. */
  void forget(ActorRef<?> asker) {
    waiting.removeIf(request -> request.order().replyTo().equals(asker));
  }

  /** An engine has done a denoising step of the pack that it runs. */
  void stepped(EngineSlot engine, long lease, int done, long now) {
    engine
        .packOf(lease)
        .ifPresent(
            pack -> {
              boolean first = !pack.hasMoved();
              engine.pace(pack.paceKey()).stepped(first, pack.step(done, now));
            });
  }

  /** An engine has brought a result. */
  void generated(EngineSlot engine, long lease, List<Sample> samples, long now) {
    List<SampleTimings> timings = samples.stream().map(Sample::timings).toList();
    oomSplits += SampleTimings.oomSplits(timings);
    SampleTimings.forwardsBySize(timings)
        .forEach((rows, count) -> forwardsByRows.merge(rows, (long) count, Long::sum));
    Optional<RoutedRequest> open =
        end(engine, lease, now).filter(Predicate.not(RoutedRequest::isAnswered));
    if (open.isEmpty()) {
      lateResults++;
    }
    open.ifPresent(
        request -> answer(request, new EngineRouter.Generated(request.request(), samples)));
  }

  /** An engine has not begun with a lease that was cancelled. */
  void cancelled(EngineSlot engine, long lease, long now) {
    end(engine, lease, now).ifPresent(this::waitAgain);
  }

  /** An engine could not draw a request. */
  void failed(EngineSlot engine, long lease, Throwable cause, long now) {
    end(engine, lease, now).ifPresent(request -> failed(request, engine, cause));
  }

  private void failed(RoutedRequest request, EngineSlot engine, Throwable cause) {
    if (request.fail() < ATTEMPTS || request.isHeld()) {
      waitAgain(request);
    } else if (!request.isAnswered()) {
      answer(
          request,
          failure(
              request,
              new EngineException(
                  "%d attempts failed, the last on %s: %s"
                      .formatted(ATTEMPTS, engine, cause.getMessage()),
                  cause)));
    }
  }

  /** Ends a lease, or one that the engine had been given up for. */
  private Optional<RoutedRequest> end(EngineSlot engine, long lease, long now) {
    Optional<Pack> pack = engine.packOf(lease);
    if (pack.isEmpty()) {
      return Optional.ofNullable(abandoned.remove(lease));
    }
    Optional<Pack.Lease> ended = pack.get().end(lease);
    ended.ifPresent(held -> held.request().endedAt(engine));
    if (pack.get().isEnded()) {
      finish(engine, pack.get(), now);
    }
    return ended.map(Pack.Lease::request);
  }

  private void finish(EngineSlot engine, Pack pack, long now) {
    if (pack.hasMoved()) {
      engine.pace(pack.paceKey()).ended(now - pack.moved());
      usual.computeIfAbsent(pack.paceKey(), _ -> new Median()).add(now - pack.begun());
    }
    engine.remove(pack, now);
  }

  /** To the head of the queue, unless it is taken care of already. */
  private void waitAgain(RoutedRequest request) {
    if (isLeftAlone(request)) {
      waiting.addFirst(request);
    }
  }

  /** It has no answer, no engine has it, and it does not wait for one. */
  private boolean isLeftAlone(RoutedRequest request) {
    return !request.isAnswered() && !request.isHeld() && !waiting.contains(request);
  }

  private void answer(RoutedRequest request, EngineRouter.Reply reply) {
    request.answer();
    waiting.remove(request);
    abandoned.values().removeIf(request::equals);
    request.holders().forEach(outbox::cancel);
    outbox.answer(request.order(), reply);
  }

  private static EngineRouter.Failed failure(RoutedRequest request, Throwable cause) {
    return new EngineRouter.Failed(request.request(), cause);
  }

  /**
   * Gives the requests of an engine to others; should it bring results all the same, they count if
   * they are the first.
   */
  void abandon(EngineSlot engine) {
    for (Pack.Lease lease : takeLeases(engine)) {
      if (!lease.request().isAnswered()) {
        abandoned.put(lease.id(), lease.request());
      }
    }
  }

  /** Gives the requests of an engine to others: it has left, without a fault of theirs. */
  void lose(EngineSlot engine) {
    takeLeases(engine);
  }

  /** An engine has died of what it ran: those requests have failed once, others draw the rest. */
  void die(EngineSlot engine, Throwable cause) {
    List<Pack.Lease> ran = engine.running().map(Pack::open).orElse(List.of());
    takeLeases(engine);
    ran.forEach(lease -> failed(lease.request(), engine, cause));
  }

  private List<Pack.Lease> takeLeases(EngineSlot engine) {
    List<Pack.Lease> taken = engine.takeAll();
    taken.forEach(lease -> lease.request().endedAt(engine));
    taken.reversed().forEach(lease -> waitAgain(lease.request()));
    return taken;
  }

  /** Ends the pack that an engine runs, which is overdue: whom no other draws has failed. */
  void expire(EngineSlot engine, Throwable cause, long now) {
    engine
        .running()
        .ifPresent(
            pack -> {
              engine.remove(pack, now);
              pack.open().forEach(lease -> expire(lease.request(), engine, cause));
            });
  }

  private void expire(RoutedRequest request, EngineSlot engine, Throwable cause) {
    request.endedAt(engine);
    if (isLeftAlone(request)) {
      answer(request, failure(request, cause));
    }
  }

  /** Fails all that waits. */
  void failWaiting(Throwable cause) {
    List.copyOf(waiting).forEach(request -> answer(request, failure(request, cause)));
  }

  /*
   * Leasing. An engine with nothing to do takes requests from the head of the queue, as many as may
   * share a forward, and never waits for one more.
   */

  void dispatch(Collection<EngineSlot> engines, long now) {
    while (!waiting.isEmpty()) {
      Optional<EngineSlot> freest =
          engines.stream()
              .filter(EngineSlot::acceptsPack)
              .min(Comparator.comparingInt(EngineSlot::samplesOutstanding));
      List<RoutedRequest> taken = freest.map(engine -> take(engine, engines)).orElse(List.of());
      if (taken.isEmpty()) {
        return;
      }
      grant(freest.get(), taken, now);
    }
  }

  private List<RoutedRequest> take(EngineSlot engine, Collection<EngineSlot> engines) {
    int most = packGroups == 1 ? 1 : Math.min(packGroups, fairShare(engines));
    List<RoutedRequest> taken = new ArrayList<>();
    int rows = 0;
    for (RoutedRequest request : waiting) {
      if (request.isHeldBy(engine)) {
        continue;
      }
      rows += request.rows();
      if (taken.size() == most || (!taken.isEmpty() && !fits(request, taken.getFirst(), rows))) {
        break;
      }
      taken.add(request);
    }
    return taken;
  }

  /** No engine takes so much that another one has nothing to do. */
  private int fairShare(Collection<EngineSlot> engines) {
    int idle = Math.toIntExact(engines.stream().filter(e -> e.acceptsPack() && e.isIdle()).count());
    return Math.ceilDiv(waiting.size(), Math.max(1, idle));
  }

  private boolean fits(RoutedRequest request, RoutedRequest first, int rows) {
    return rows <= maxRowsPerForward
        && request.request().sampling().equals(first.request().sampling());
  }

  private void grant(EngineSlot engine, List<RoutedRequest> requests, long now) {
    requests.forEach(waiting::remove);
    List<Pack.Lease> leases = new ArrayList<>(requests.size());
    for (RoutedRequest request : requests) {
      Pack.Lease lease = new Pack.Lease(granted++, request);
      if (request.grantTo(engine, lease.id())) {
        retries++;
      }
      leases.add(lease);
    }
    Pack pack = new Pack(leases);
    engine.grant(pack, now);
    outbox.draw(engine, pack);
  }

  /*
   * Watching, by medians of what was measured.
   */

  /**
   * Whether an engine makes no progress: the part of its pack that runs now, a denoising step for
   * one, takes far longer than it usually takes this engine.
   */
  boolean isStuck(EngineSlot engine, long now) {
    return engine.isReady()
        && engine
            .running()
            .filter(
                pack ->
                    isTooLong(
                        now - pack.moved(),
                        engine.pace(pack.paceKey()).part(pack.stepsDone(), pack.steps())))
            .isPresent();
  }

  /** Has others draw too what an engine has; it is told to leave what it has not begun with. */
  void repeat(EngineSlot engine) {
    engine.open().reversed().forEach(lease -> repeat(lease.request(), waiting::addFirst));
  }

  private void repeat(RoutedRequest request, Consumer<RoutedRequest> queue) {
    if (!request.isAnswered() && request.holders().size() == 1 && !waiting.contains(request)) {
      request.holders().forEach(outbox::cancel);
      queue.accept(request);
    }
  }

  /**
   * While engines have nothing to do and nothing waits, has requests drawn once more that others
   * have: those that they have not begun with, which they are told to leave, and those that take
   * them too long.
   */
  void shareOut(Collection<EngineSlot> engines, long now) {
    long idle = engines.stream().filter(e -> e.acceptsPack() && e.isIdle()).count();
    if (!waiting.isEmpty() || idle == 0) {
      return;
    }
    Stream.concat(
            engines.stream().flatMap(engine -> engine.ready().stream()),
            engines.stream()
                .flatMap(engine -> engine.running().stream())
                .filter(pack -> isSlow(pack, now)))
        .flatMap(pack -> pack.open().stream())
        .map(Pack.Lease::request)
        .filter(request -> request.holders().size() == 1)
        .limit(idle)
        .forEach(request -> repeat(request, waiting::add));
  }

  private boolean isSlow(Pack pack, long now) {
    Median whole = usual.get(pack.paceKey());
    return whole != null && isTooLong(now - pack.begun(), whole.get());
  }

  private static boolean isTooLong(long nanos, OptionalLong usual) {
    return usual.isPresent() && nanos > Math.max(PATIENCE.toNanos(), TOO_LONG * usual.getAsLong());
  }

  int waiting() {
    return waiting.size();
  }

  /** How long the oldest of the waiting requests has waited since it came; zero if none does. */
  Duration oldestWaiting(long now) {
    return Duration.ofNanos(
        waiting.stream().mapToLong(request -> now - request.offered()).max().orElse(0));
  }

  /** Leases since the start. */
  long granted() {
    return granted;
  }

  /** Those of requests that an engine had before. */
  long retries() {
    return retries;
  }

  long lateResults() {
    return lateResults;
  }

  long oomSplits() {
    return oomSplits;
  }

  SortedMap<Integer, Long> forwardsByRows() {
    return new TreeMap<>(forwardsByRows);
  }
}
