package io.flowloop.agentloop.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The file {@code bench_results.json}: every raw number of a benchmark, and what follows from them.
 *
 * @param result the numbers
 * @param run what it ran on and was asked for
 */
public record BenchJson(BenchResult result, BenchRun run) {

  /** Raised when a field changes its meaning or goes. */
  private static final int SCHEMA_VERSION = 1;

  /** Writes it, in UTF-8. */
  public void write(OutputStream out) throws IOException {
    run.write(json(), out);
  }

  private JsonObject json() {
    JsonObject json = run.begin(SCHEMA_VERSION, result.stopped());
    json.add("plan", plan());
    json.add("setup_seconds", setUp());
    json.add("cells", array(result.cells().stream().map(BenchJson::json).toList()));
    json.add("ratios", array(result.ratios().stream().map(BenchJson::json).toList()));
    return json;
  }

  private JsonObject plan() {
    BenchSpec spec = result.spec();
    JsonObject json = new JsonObject();
    json.add("prompts", BenchRun.GSON.toJsonTree(spec.prompts()));
    json.add("rows", BenchRun.GSON.toJsonTree(spec.rows()));
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
    json.add("forwards", BenchRun.GSON.toJsonTree(measured.forwards()));
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
    json.add("values", BenchRun.GSON.toJsonTree(ratio.values()));
    return json;
  }

  private static JsonElement json(Optional<Spread> spread) {
    return spread.<JsonElement>map(BenchRun.GSON::toJsonTree).orElse(JsonNull.INSTANCE);
  }

  private static JsonElement json(OptionalLong bytes) {
    return bytes.isPresent() ? BenchRun.GSON.toJsonTree(bytes.getAsLong()) : JsonNull.INSTANCE;
  }

  private static JsonArray array(List<JsonObject> members) {
    JsonArray array = new JsonArray();
    members.forEach(array::add);
    return array;
  }
}
