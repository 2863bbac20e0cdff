package io.flowloop.agentloop.bench;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.config.ResolvedConfig;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The file {@code bench_results.json}: every raw number of a benchmark, and what follows from them.
 *
 * @param result the numbers
 * @param version of flowloop
 * @param environment what it ran on, by name
 * @param variables environment variables that matter, by name
 * @param settings what it was asked for
 */
public record BenchJson(
    BenchResult result,
    String version,
    Map<String, String> environment,
    Map<String, String> variables,
    ResolvedConfig settings) {

  /** Raised when a field changes its meaning or goes. */
  private static final int SCHEMA_VERSION = 1;

  private static final Gson GSON =
      new GsonBuilder().disableHtmlEscaping().serializeNulls().setPrettyPrinting().create();

  /** Writes it, in UTF-8. */
  public void write(OutputStream out) throws IOException {
    out.write((GSON.toJson(json()) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private JsonObject json() {
    JsonObject json = new JsonObject();
    json.addProperty("schema_version", SCHEMA_VERSION);
    json.addProperty("flowloop", version);
    json.addProperty("stopped", result.stopped());
    json.add("environment", described());
    json.add("plan", plan());
    json.add("setup_seconds", setUp());
    json.add("cells", array(result.cells().stream().map(BenchJson::json).toList()));
    json.add("ratios", array(result.ratios().stream().map(BenchJson::json).toList()));
    json.add("settings", JsonParser.parseString(settings.renderJson()));
    return json;
  }

  private JsonObject described() {
    JsonObject json = GSON.toJsonTree(environment).getAsJsonObject();
    json.add("variables", GSON.toJsonTree(variables));
    return json;
  }

  private JsonObject plan() {
    BenchSpec spec = result.spec();
    JsonObject json = new JsonObject();
    json.add("prompts", GSON.toJsonTree(spec.prompts()));
    json.add("rows", GSON.toJsonTree(spec.rows()));
    json.addProperty("warmup", spec.warmUp());
    json.addProperty("iterations", spec.iterations());
    return json;
  }

  private JsonObject setUp() {
    JsonObject json = new JsonObject();
    json.addProperty("engines", result.engineSetUp().wallSeconds());
    json.addProperty("actors", result.actorSetUp().wallSeconds());
    return json;
  }

  private static JsonObject json(CellResult result) {
    JsonObject json = json(result.cell());
    json.add("images_per_second", json(result.spread(Measurement::imagesPerSecond)));
    json.add("ms_per_image", json(result.spread(Measurement::millisPerImage)));
    json.add("ms_per_denoising_step", json(result.spread(Measurement::millisPerDenoisingStep)));
    json.add("cpu_ms_per_image", json(result.spread(Measurement::cpuMillisPerImage)));
    json.add("warmup", array(result.warmUps().stream().map(BenchJson::json).toList()));
    json.add("iterations", array(result.iterations().stream().map(BenchJson::json).toList()));
    return json;
  }

  private static JsonObject json(Cell cell) {
    JsonObject json = new JsonObject();
    json.addProperty("rows", cell.rows());
    json.addProperty("path", cell.way().path());
    json.addProperty("rewards", cell.way().rewards());
    json.addProperty("mode", cell.mode().toString());
    return json;
  }

  private static JsonObject json(Measurement measured) {
    JsonObject json = new JsonObject();
    json.addProperty("images", measured.images());
    json.addProperty("wall_seconds", measured.cost().wallSeconds());
    json.addProperty("cpu_seconds", measured.cost().cpuSeconds());
    json.addProperty("gc_seconds", measured.cost().gcSeconds());
    json.addProperty("denoise_seconds", measured.denoiseSeconds());
    json.addProperty("queue_seconds_mean", measured.queue().mean());
    json.addProperty("queue_seconds_max", measured.queue().max());
    json.add("forwards", GSON.toJsonTree(measured.forwards()));
    json.add("peak_rss_bytes", json(measured.peakRss()));
    json.add("device_memory_bytes", json(measured.deviceMemory()));
    json.addProperty("max_latent_difference", measured.latentDifference());
    return json;
  }

  private static JsonObject json(Ratio ratio) {
    JsonObject json = new JsonObject();
    json.add("of", json(ratio.of()));
    json.add("to", json(ratio.to()));
    json.add("spread", json(ratio.spread()));
    json.add("values", GSON.toJsonTree(ratio.values()));
    return json;
  }

  private static JsonElement json(Optional<Spread> spread) {
    return spread.<JsonElement>map(GSON::toJsonTree).orElse(JsonNull.INSTANCE);
  }

  private static JsonElement json(OptionalLong bytes) {
    return bytes.isPresent() ? GSON.toJsonTree(bytes.getAsLong()) : JsonNull.INSTANCE;
  }

  private static JsonArray array(List<JsonObject> members) {
    JsonArray array = new JsonArray();
    members.forEach(array::add);
    return array;
  }
}
