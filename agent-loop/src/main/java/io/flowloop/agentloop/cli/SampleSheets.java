package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.SdeWindows;
import io.flowloop.agentloop.track.ContactSheet;
import io.flowloop.agentloop.track.OutputFolder;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.ModelConfig;
import io.flowloop.engine.DiffusionEngine;
import io.flowloop.engine.LoadedDevice;
import io.flowloop.engine.PipelineEngine;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.RowSeed;
import io.flowloop.engine.glyph.GlyphNumbers;
import io.flowloop.engine.glyph.GlyphPipeline;
import io.flowloop.engine.glyph.GlyphWeights;
import io.flowloop.reward.RewardException;
import io.flowloop.reward.RewardFunctions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;

/** Draws the same held-out numbers with each model that a pretraining run shows, and reads them. */
final class SampleSheets implements AutoCloseable {

  private static final int NUMBERS = 16;

  private final FlowLoopConfig config;
  private final OutputFolder folder;
  private final RewardFunctions ocr = RewardFunctions.of(Map.of("ocr", 1.0));

  SampleSheets(FlowLoopConfig config, OutputFolder folder) {
    this.config = config;
    this.folder = folder;
  }

  /**
   * Writes {@code samples-<step>.png}.
   *
   * @return mean OCR reward of the samples
   */
  double write(int step, GlyphWeights model) {
    List<ContactSheet.Cell> cells = new ArrayList<>();
    double rewards = 0;
    try (DiffusionEngine engine = engine(model)) {
      for (String number : numbers()) {
        String prompt = "a sign that says \"%s\"".formatted(number);
        RgbImage image = draw(engine, prompt, cells.size());
        double reward = reward(prompt, image);
        rewards += reward;
        cells.add(new ContactSheet.Cell(image, "%s  %.2f".formatted(number, reward)));
      }
    }
    double mean = rewards / NUMBERS;
    ContactSheet.Block block =
        new ContactSheet.Block(
            "step %d, held-out numbers, mean OCR reward %.3f".formatted(step, mean), cells);
    folder.write(
        "samples-%d.png".formatted(step),
        out -> ImageIO.write(ContactSheet.draw(List.of(block)), "png", out));
    return mean;
  }

  /** Spread over all held-out numbers. */
  private static List<String> numbers() {
    List<String> all = GlyphNumbers.heldOut();
    return IntStream.range(0, NUMBERS).mapToObj(i -> all.get(i * all.size() / NUMBERS)).toList();
  }

  private DiffusionEngine engine(GlyphWeights model) {
    ModelConfig settings = config.model();
    LoadedDevice device =
        LoadedDevice.open(settings.device(), settings.dtype(), settings.threads());
    return new PipelineEngine(
        new GlyphPipeline(device, model, settings.imageHeight(), settings.imageWidth()), 1);
  }

  /** With the noise of a rollout's row, so that the numbers differ in it and the models do not. */
  private RgbImage draw(DiffusionEngine engine, String prompt, int row) {
    RolloutRequest request =
        new RolloutRequest(
            prompt,
            List.of(RowSeed.of(config.rollout().seed(), RolloutCommand.STEP, row)),
            SdeWindows.sampling(config.sampler(), config.rollout().seed(), RolloutCommand.STEP));
    return engine.generate(request).getFirst().image();
  }

  private double reward(String prompt, RgbImage image) {
    try {
      return ocr.score(prompt, image).total();
    } catch (RewardException e) {
      throw new IllegalStateException(e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    ocr.close();
  }
}
