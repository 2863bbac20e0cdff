package io.flowloop.agentloop.http;

import io.flowloop.config.Device;
import io.flowloop.config.HttpConfig;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;
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
 * The HTTP server of a node, for those who watch it: {@code /alive}, {@code /ready}, and {@code
 * /metrics} in Prometheus' text format. It has no TLS and asks for nobody's name, so it belongs on
 * loopback or a private network. It ends with the actor system, and says that it is not ready
 * before.
 */
public final class NodeHttp extends AllDirectives {

  private static final Logger LOG = LoggerFactory.getLogger(NodeHttp.class);

  private static final Duration GRACE = Duration.ofSeconds(1);

  private final Watched watched;
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final JvmGcMetrics collections = new JvmGcMetrics();
  private volatile boolean stopping;

  private NodeHttp(ActorSystem<?> system, Watched watched, List<Device> devices) {
    this.watched = watched;
    watched.bindTo(registry);
    List<MeterBinder> process =
        List.of(
            collections,
            new JvmMemoryMetrics(),
            new JvmThreadMetrics(),
            new ProcessorMetrics(),
            new FileDescriptorMetrics(),
            new MachineMeters(system, devices));
    process.forEach(binder -> binder.bindTo(registry));
  }

  /**
   * Starts a server, and waits until it listens.
   *
   * @param devices that the node's engines run on, as they are
   * @return where it listens
   * @throws RolloutException if it cannot listen there
   */
  public static InetSocketAddress start(
      ActorSystem<?> system, HttpConfig config, Watched watched, List<Device> devices) {
    NodeHttp http = new NodeHttp(system, watched, devices);
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
                path("ready", () -> onSuccess(watched::refresh, _ -> complete(readiness()))),
                path("metrics", () -> onSuccess(watched::refresh, _ -> complete(scrape())))));
  }

  private HttpResponse readiness() {
    SequencedMap<String, Boolean> conditions = new LinkedHashMap<>();
    conditions.put("running", !stopping);
    conditions.putAll(watched.conditions());
    boolean ready = !conditions.containsValue(false);
    String body =
        conditions.entrySet().stream()
            .map(condition -> "\"%s\": %b".formatted(condition.getKey(), condition.getValue()))
            .collect(
                Collectors.joining(
                    ", ", "{\"ready\": %b, \"conditions\": {".formatted(ready), "}}\n"));
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
