package io.flowloop.agentloop.track;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.flowloop.agentloop.Tracker.Metrics;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;

/**
 * The file {@code metrics.jsonl}: one JSON object a line, each with its {@code step}. A run that
 * goes on from a checkpoint goes on in the file, which forgets what came after the checkpoint.
 */
public final class MetricsFile implements AutoCloseable {

  static final String NAME = "metrics.jsonl";

  private static final String STEP = "step";
  private static final Gson GSON = new GsonBuilder().serializeNulls().create();

  private final Path path;
  private final Writer writer;

  private MetricsFile(Path path, Writer writer) {
    this.path = path;
    this.writer = writer;
  }

  /**
   * The file of a run.
   *
   * @param steps steps whose metrics are kept, 0 for a new run
   * @throws UncheckedIOException if it cannot be read or written
   */
  public static MetricsFile open(OutputFolder folder, int steps) {
    Path path = folder.path().resolve(NAME);
    try {
      List<String> kept = steps > 0 && Files.exists(path) ? upTo(steps, path) : List.of();
      folder.write(NAME, out -> out.write(lines(kept).getBytes(StandardCharsets.UTF_8)));
      return new MetricsFile(path, Files.newBufferedWriter(path, StandardOpenOption.APPEND));
    } catch (IOException e) {
      throw new UncheckedIOException(path + " cannot be written: " + e, e);
    }
  }

  /**
   * What the file of a folder holds, line by line; nothing if there is none. Numbers that were not
   * finite are left out.
   *
   * @param steps later steps are left out
   */
  static List<Metrics> read(Path folder, int steps) throws IOException {
    Path path = folder.resolve(NAME);
    return Files.exists(path)
        ? upTo(steps, path).stream().map(MetricsFile::metrics).toList()
        : List.of();
  }

  private static Metrics metrics(String line) {
    SequencedMap<String, Double> values = new LinkedHashMap<>();
    JsonParser.parseString(line)
        .getAsJsonObject()
        .asMap()
        .forEach(
            (name, value) -> {
              if (!value.isJsonNull()) {
                values.put(name, value.getAsDouble());
              }
            });
    double step = Objects.requireNonNull(values.remove(STEP));
    return new Metrics((int) step, values);
  }

  private static List<String> upTo(int steps, Path path) throws IOException {
    return Files.readAllLines(path).stream().filter(line -> step(line) <= steps).toList();
  }

  /** A line that a crash cut short belongs to no step. */
  private static int step(String line) {
    try {
      return JsonParser.parseString(line).getAsJsonObject().get(STEP).getAsInt();
    } catch (RuntimeException e) {
      return Integer.MAX_VALUE;
    }
  }

  private static String lines(List<String> lines) {
    return String.join("", lines.stream().map(line -> line + "\n").toList());
  }

  /** Adds a line; numbers that are not finite become null. */
  public void add(int step, Map<String, Double> metrics) {
    JsonObject json = new JsonObject();
    json.addProperty(STEP, step);
    metrics.forEach((name, value) -> json.addProperty(name, Double.isFinite(value) ? value : null));
    try {
      writer.write(GSON.toJson(json) + "\n");
      writer.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(path + " cannot be written: " + e, e);
    }
  }

  @Override
  public void close() {
    try {
      writer.close();
    } catch (IOException e) {
      throw new UncheckedIOException(path + " cannot be written: " + e, e);
    }
  }
}
