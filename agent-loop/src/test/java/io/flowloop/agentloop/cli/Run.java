package io.flowloop.agentloop.cli;

import io.flowloop.engine.glyph.GlyphConfig;
import io.flowloop.engine.glyph.GlyphWeights;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;

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
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    Terminal terminal = new Terminal(new PrintWriter(out), new PrintWriter(err), false);
    int exitCode = Main.commandLine(terminal, stop).execute(args);
    stop.ended(exitCode);
    return new Run(exitCode, out.toString(), err.toString());
  }

  /** The setting of a model that is ready in milliseconds and draws nothing to be proud of. */
  static String tinyModel(Path folder) {
    Path file = folder.resolve("tiny.safetensors");
    GlyphWeights.random(new GlyphConfig(16, 1, 2, 8), 1).write(file);
    return "model.weights=" + file;
  }
}
