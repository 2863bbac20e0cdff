package io.flowloop.agentloop.track;

import io.flowloop.agentloop.Tracker;
import io.flowloop.agentloop.Tracker.Metrics;
import io.flowloop.agentloop.Tracker.Run;
import io.flowloop.agentloop.Tracker.ScoredImage;
import io.flowloop.agentloop.Tracker.Validation;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.glyph.DejaVu;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import java.util.stream.IntStream;

/**
 * Writes what the trackers write, of invented numbers, into a folder, to look at: {@code java …
 * io.flowloop.agentloop.track.ReportSample target/report}. Prints the milliseconds of processor
 * time that each validation took.
 */
final class ReportSample {

  private static final int STEPS = 200;
  private static final int VALIDATE_EVERY = 20;
  private static final int TRAINED_STEPS = 5;
  private static final int IMAGES = 128;

  private static final ThreadMXBean THREAD = ManagementFactory.getThreadMXBean();
  private static final Font FONT = DejaVu.load("DejaVuSans-Bold", 22);

  private final Random random = new Random(7);

  private ReportSample() {}

  public static void main(String[] args) throws IOException {
    Path folder = Files.createDirectories(Path.of(args[0]));
    new ReportSample()
        .write(
            folder,
            List.of(new MetricsTracker(), new TensorBoardTracker(), new ReportTracker()),
            System.out);
  }

  private void write(Path folder, List<Tracker> trackers, PrintStream times) throws IOException {
    Run run =
        new Run(
            folder,
            0,
            STEPS,
            "trainer {\n  # training steps\n  steps = 200\n}\n".repeat(20),
            Map.of("cpu", "invented", "cores", "2"));
    for (Tracker tracker : trackers) {
      tracker.onStart(run);
      double best = 0;
      for (int step = 0; step <= STEPS; step++) {
        if (step > 0) {
          tracker.onStep(new Metrics(step, values(step)));
        }
        if (step % VALIDATE_EVERY == 0) {
          double reward = level(step) + 0.03 * random.nextGaussian();
          Validation validation = validation(step, reward, reward > best);
          best = Math.max(best, reward);
          long begin = THREAD.getCurrentThreadCpuTime();
          tracker.onValidation(validation);
          times.printf(
              "%s, step %d: %.0f ms%n",
              tracker.name(), step, (THREAD.getCurrentThreadCpuTime() - begin) / 1e6);
        }
      }
      tracker.close();
    }
  }

  private static double level(int step) {
    return 0.9 - 0.45 * Math.exp(-step / 60.0);
  }

  private SequencedMap<String, Double> values(int step) {
    SequencedMap<String, Double> values = new LinkedHashMap<>();
    values.put("reward/mean", level(step) - 0.1 + 0.04 * random.nextGaussian());
    values.put("reward/std", 0.2 + 0.01 * random.nextGaussian());
    values.put("policy/ratio_mean", 1 + 1e-5 * random.nextGaussian());
    values.put("policy/ratio_std", 4e-5 + 5e-6 * random.nextGaussian());
    values.put("policy/clipfrac", Math.abs(0.1 + 0.02 * random.nextGaussian()));
    values.put("policy/approx_kl", 2e-7 * Math.exp(0.2 * random.nextGaussian()));
    values.put("policy/grad_norm", Math.exp(0.3 * random.nextGaussian()));
    values.put("policy/lr", 1e-4 * Math.min(1, step / 20.0));
    for (int i = 0; i < TRAINED_STEPS; i++) {
      values.put("policy/log_prob_drift/t" + i, 1e-5 * (i - 2) + 5e-6 * random.nextGaussian());
    }
    List<String> stages = List.of("gen", "reward", "log_prob", "update_policy", "sync", "step");
    double[] seconds = {1.1, 0.6, 0.3, 0.8, 0.02, 2.4};
    for (int i = 0; i < seconds.length; i++) {
      values.put("timing_s/" + stages.get(i), seconds[i] * (1 + 0.05 * random.nextGaussian()));
    }
    return values;
  }

  private Validation validation(int step, double reward, boolean best) {
    SequencedMap<String, Double> values = new LinkedHashMap<>();
    values.put("val/reward_mean", reward);
    values.put("val/reward_std", 0.2);
    values.put("val/ocr_exact", reward * reward);
    List<ScoredImage> images =
        IntStream.range(0, IMAGES).mapToObj(i -> scored(1000 + 37 * i, step)).toList();
    return new Validation(step, values, images, best);
  }

  private ScoredImage scored(int number, int step) {
    double level = Math.clamp(level(step) + 0.15 * random.nextGaussian(), 0, 1);
    BufferedImage picture = new BufferedImage(96, 32, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = picture.createGraphics();
    graphics.setRenderingHint(
        RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
    graphics.setColor(Color.WHITE);
    graphics.fillRect(0, 0, 96, 32);
    graphics.setColor(Color.BLACK);
    graphics.setFont(FONT);
    graphics.drawString(Integer.toString(number), 14, 24);
    graphics.dispose();
    byte[] rgb = new byte[96 * 32 * 3];
    for (int i = 0; i < 96 * 32; i++) {
      double grey = picture.getRGB(i % 96, i / 96) & 0xFF;
      double noisy = grey + 180 * (1 - level) * random.nextGaussian();
      for (int channel = 0; channel < 3; channel++) {
        rgb[3 * i + channel] = (byte) Math.clamp(noisy, 0, 255);
      }
    }
    return new ScoredImage(
        "a sign that says \"%d\" & <more>".formatted(number), new RgbImage(96, 32, rgb), level);
  }
}
