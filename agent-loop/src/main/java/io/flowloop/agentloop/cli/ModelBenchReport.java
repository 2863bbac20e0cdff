package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.bench.Figure;
import io.flowloop.agentloop.bench.ModelBenchResult;
import io.flowloop.agentloop.bench.ModelBenchSpec;
import io.flowloop.agentloop.bench.ModelPart;
import io.flowloop.agentloop.bench.PartResult;
import io.flowloop.agentloop.bench.Spread;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.ModelConfig;
import io.flowloop.config.UpdateConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What came of a {@link io.flowloop.agentloop.bench.ModelBenchmark}, for people: tables of medians,
 * with the smallest and the largest value in brackets.
 *
 * @param result the numbers
 */
record ModelBenchReport(ModelBenchResult result) {

  private static final String NONE = "-";
  private static final String MISFIT = "does not fit";
  private static final double MILLIS_PER_SECOND = 1e3;
  private static final double BILLION = 1e9;

  /**
   * A column of a table.
   *
   * @param of a result that fits
   */
  private record Column(String title, Function<PartResult, String> of) {}

  private static final Column ROWS = new Column("rows", part -> Integer.toString(part.rows()));
  private static final Column GUIDANCE =
      new Column("guidance", part -> Double.toString(part.guidance()));
  private static final Column MEMORY =
      new Column(
          "device memory",
          part ->
              part.deviceMemory().isPresent()
                  ? Units.bytes(part.deviceMemory().getAsLong())
                  : NONE);

  /** {@code published: 60 blocks …, 20.43 billion parameters, 256 text tokens}. */
  static String size(ModelBenchSpec spec) {
    long parameters = spec.geometry().parameters();
    return "%s: %s, %s parameters, %d text tokens"
        .formatted(
            spec.geometry().toString().toLowerCase(Locale.ROOT),
            spec.geometry().words(),
            parameters < BILLION
                ? Long.toString(parameters)
                : "%.2f billion".formatted(parameters / BILLION),
            spec.textTokens());
  }

  static String dtype(ModelBenchSpec spec) {
    return spec.config().model().dtype().toString().toLowerCase(Locale.ROOT);
  }

  /** {@code forward, 16 rows: 612.3 (611.9-615.0) ms}. */
  static String line(PartResult part) {
    return part.title()
        + ": "
        + part.misfit()
            .map(why -> MISFIT + ": " + why)
            .orElseGet(() -> spread(part, Figure.MS) + " ms");
  }

  String text() {
    return "%s%s%s%s%s%s\n%s"
        .formatted(
            forwards("one forward", ModelPart.FORWARD),
            forwards("one forward by operators", ModelPart.OPERATORS),
            table(
                "denoising loop of %d steps, with its pictures"
                    .formatted(config().sampler().numInferenceSteps()),
                List.of(ModelPart.LOOP),
                ROWS,
                GUIDANCE,
                seconds("s", Figure.MS),
                seconds("denoise s", Figure.DENOISE_MS),
                seconds("decode s", Figure.DECODE_MS),
                new Column("images/s", ModelBenchReport::imagesPerSecond)),
            table(
                training(),
                List.of(ModelPart.TRAINING),
                ROWS,
                GUIDANCE,
                seconds("s", Figure.MS),
                seconds("forwards s", Figure.FORWARD_MS),
                seconds("backwards and optimiser s", Figure.BACKWARD_MS),
                new Column("|ratio - 1|", ModelBenchReport::ratioError)),
            table(
                "one at a time",
                List.of(ModelPart.MODULATION, ModelPart.DECODE, ModelPart.ENCODE),
                new Column("part", part -> part.part().toString()),
                millis("ms", Figure.MS)),
            misfits(),
            summary());
  }

  private String forwards(String title, ModelPart part) {
    return table(
        title,
        List.of(part),
        ROWS,
        millis("ms", Figure.MS),
        new Column("ms/row", ModelBenchReport::each));
  }

  private FlowLoopConfig config() {
    return result.spec().config();
  }

  private String training() {
    UpdateConfig update = config().update();
    return "training step of adapters of rank %d, window of %d, %s checkpoints"
        .formatted(
            update.lora().rank(),
            config().sampler().windowSize(),
            update.activationCheckpointing() ? "with" : "without");
  }

  /** Empty if nothing of it was measured. */
  private String table(String title, List<ModelPart> parts, Column... columns) {
    List<PartResult> lines = parts.stream().flatMap(part -> result.of(part).stream()).toList();
    if (lines.isEmpty()) {
      return "";
    }
    List<Column> all = new ArrayList<>(Arrays.asList(columns));
    if (lines.stream().anyMatch(line -> line.deviceMemory().isPresent())) {
      all.add(MEMORY);
    }
    TextTable table = new TextTable(title, all.stream().map(Column::title).toList());
    lines.forEach(line -> table.add(all.stream().map(column -> column.of().apply(line)).toList()));
    return table.render();
  }

  private static Column millis(String title, Figure figure) {
    return new Column(title, part -> part.misfit().isPresent() ? MISFIT : spread(part, figure));
  }

  private static Column seconds(String title, Figure figure) {
    return new Column(
        title,
        part ->
            figure == Figure.MS && part.misfit().isPresent()
                ? MISFIT
                : part.spread(figure).map(ModelBenchReport::seconds).orElse(NONE));
  }

  private static String seconds(Spread millis) {
    return "%.3f (%.3f-%.3f)"
        .formatted(
            millis.median() / MILLIS_PER_SECOND,
            millis.min() / MILLIS_PER_SECOND,
            millis.max() / MILLIS_PER_SECOND);
  }

  private static String spread(PartResult part, Figure figure) {
    return part.spread(figure)
        .map(s -> "%.2f (%.2f-%.2f)".formatted(s.median(), s.min(), s.max()))
        .orElse(NONE);
  }

  private static String each(PartResult part) {
    return part.spread(Figure.MS).map(s -> "%.2f".formatted(s.median() / part.rows())).orElse(NONE);
  }

  private static String imagesPerSecond(PartResult part) {
    return part.spread(Figure.MS)
        .map(s -> "%.3f".formatted(part.rows() * MILLIS_PER_SECOND / s.median()))
        .orElse(NONE);
  }

  private static String ratioError(PartResult part) {
    return part.spread(Figure.FRESH_RATIO_ERROR).map(s -> "%.1e".formatted(s.max())).orElse(NONE);
  }

  private String misfits() {
    return result.parts().stream()
        .filter(part -> part.misfit().isPresent())
        .map(part -> "\n" + line(part))
        .collect(Collectors.joining());
  }

  private String summary() {
    ModelConfig model = config().model();
    return """
        model      %s
                   %d tensors in %s, images of %d×%d pixels
        loading    %s
        kernels    dense layers by %s, attention by %s, between them %s
        %s"""
        .formatted(
            size(result.spec()),
            result.tensors(),
            dtype(result.spec()),
            model.imageHeight(),
            model.imageWidth(),
            result.loadSeconds().entrySet().stream()
                .map(load -> "%s %.1f s".formatted(load.getKey(), load.getValue()))
                .collect(Collectors.joining(", ")),
            result.kernels().get("linear"),
            result.kernels().get("attention"),
            result.kernels().get("blocks"),
            result.stopped() ? "stopped before the end\n" : "");
  }
}
