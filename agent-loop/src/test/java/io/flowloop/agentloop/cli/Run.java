package io.flowloop.agentloop.cli;

import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphWeights;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * What came of a command line, run in this process on the true path.
 *
 * @param exitCode the process's
 * @param out all of its standard output
 * @param err all of its standard error
 */
record Run(int exitCode, String out, String err) {

  static Run of(String... args) {
    return of(new StopSignal(), args);
  }

  /** Ends {@code stop}. */
  static Run of(StopSignal stop, String... args) {
    return of(stop, _ -> {}, args);
  }

  /** Ends {@code stop}; {@code onLine} hears each line of standard output when it is written. */
  static Run of(StopSignal stop, Consumer<String> onLine, String... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    PrintWriter lines =
        new PrintWriter(out) {
          @Override
          public void println(String line) {
            super.println(line);
            onLine.accept(line);
          }
        };
    Terminal terminal = new Terminal(lines, new PrintWriter(err), false);
    int exitCode = Main.commandLine(terminal, stop).execute(args);
    stop.ended(exitCode);
    return new Run(exitCode, out.toString(), err.toString());
  }

  /** The setting of a model that is ready in milliseconds and draws nothing to be proud of. */
  static String tinyModel(Path folder) {
    return tinyModel(folder, 1);
  }

  /** {@link #tinyModel(Path)} with other weights for each seed. */
  static String tinyModel(Path folder, int seed) {
    Path file = folder.resolve("tiny-%d.safetensors".formatted(seed));
    GlyphWeights.random(new GlyphConfig(16, 1, 2, 8), seed).write(file);
    return "model.weights=" + file;
  }
}
