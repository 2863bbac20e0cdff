package io.flowloop.agentloop.http;

import io.flowloop.config.HttpConfig;
import io.flowloop.rollout.EngineRouter;
import io.flowloop.rollout.RolloutException;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.pekko.Done;
import org.apache.pekko.actor.CoordinatedShutdown;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Props;
import org.apache.pekko.http.javadsl.Http;
import org.apache.pekko.http.javadsl.ServerBinding;
import org.apache.pekko.http.javadsl.model.ContentTypes;
import org.apache.pekko.http.javadsl.model.HttpResponse;
import org.apache.pekko.http.javadsl.model.StatusCodes;
import org.apache.pekko.http.javadsl.server.AllDirectives;
import org.apache.pekko.http.javadsl.server.Route;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The HTTP server of a loop, for those who watch it: {@code /alive}, {@code /ready}, and {@code
 * /metrics} in Prometheus' text format. It has no TLS and asks for nobody's name, so it belongs on
 * loopback or a private network. It ends with the actor system, and says that it is not ready
 * before.
 */
public final class NodeHttp extends AllDirectives {

  private static final Logger LOG = LoggerFactory.getLogger(NodeHttp.class);

  /** Longest wait for the router's figures; after it a scrape shows the last ones. */
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  private static final Duration GRACE = Duration.ofSeconds(1);

  private final Supplier<CompletionStage<EngineRouter.Stats>> stats;
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final JvmGcMetrics collections = new JvmGcMetrics();
  private final LoopMeters meters = new LoopMeters(registry);
  private volatile boolean stopping;

  private NodeHttp(Supplier<CompletionStage<EngineRouter.Stats>> stats) {
    this.stats = stats;
    List<MeterBinder> process =
        List.of(
            collections,
            new JvmMemoryMetrics(),
            new JvmThreadMetrics(),
            new ProcessorMetrics(),
            new FileDescriptorMetrics());
    process.forEach(binder -> binder.bindTo(registry));
  }

  /**
   * Starts a server, and waits until it listens.
   *
   * @param stats asks for the router's figures
   * @return where it listens
   * @throws RolloutException if it cannot listen there
   */
  public static InetSocketAddress start(
      ActorSystem<?> system,
      HttpConfig config,
      Supplier<CompletionStage<EngineRouter.Stats>> stats) {
    NodeHttp http = new NodeHttp(stats);
    var _ =
        system.systemActorOf(LostMessages.create(http.registry), "lost-messages", Props.empty());
    ServerBinding binding = http.listen(system, config);
    var _ = binding.addToCoordinatedShutdown(GRACE, system);
    CoordinatedShutdown.get(system)
        .addTask(CoordinatedShutdown.PhaseBeforeServiceUnbind(), "not-ready", http::stop);
    LOG.info("health and metrics at http:/{}", binding.localAddress());
    return binding.localAddress();
  }

  private ServerBinding listen(ActorSystem<?> system, HttpConfig config) {
    try {
      return Http.get(system)
          .newServerAt(config.host(), config.port().orElseThrow())
          .bind(route())
          .toCompletableFuture()
          .join();
    } catch (CompletionException e) {
      throw new RolloutException(
          "http.port: %d on %s cannot be listened on (expected: a free port of this machine): %s"
              .formatted(config.port().orElseThrow(), config.host(), e.getCause()),
          e);
    }
  }

  private CompletionStage<Done> stop() {
    stopping = true;
    collections.close();
    return CompletableFuture.completedFuture(Done.getInstance());
  }

  private Route route() {
    return get(
        () ->
            concat(
                path("alive", () -> complete("alive\n")),
                path("ready", () -> onSuccess(this::refreshed, _ -> complete(readiness()))),
                path("metrics", () -> onSuccess(this::refreshed, _ -> complete(scrape())))));
  }

  /** Completed, whatever became of it: those who watch must see something when nothing answers. */
  private CompletionStage<Done> refreshed() {
    return stats
        .get()
        .toCompletableFuture()
        .orTimeout(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)
        .thenAccept(meters::update)
        .handle((_, _) -> Done.getInstance());
  }

  private HttpResponse readiness() {
    boolean engines = meters.latest().ready() > 0;
    boolean ready = engines && !stopping;
    String body =
        """
        {"ready": %b, "conditions": {"running": %b, "enginesReady": %b}}
        """
            .formatted(ready, !stopping, engines);
    return HttpResponse.create()
        .withStatus(ready ? StatusCodes.OK : StatusCodes.SERVICE_UNAVAILABLE)
        .withEntity(ContentTypes.APPLICATION_JSON, body.getBytes(StandardCharsets.UTF_8));
  }

  private HttpResponse scrape() {
    return HttpResponse.create()
        .withEntity(
            ContentTypes.TEXT_PLAIN_UTF8, registry.scrape().getBytes(StandardCharsets.UTF_8));
  }
}
