package io.flowloop.agentloop.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class LauncherTest {

  private static final Path LAUNCHER = Path.of("../flowloop").toAbsolutePath().normalize();

  @TempDir Path temp;

  /** The JDK that the launcher finds, or what it says instead. */
  private Run javaHome(Path launcher, Map<String, String> environment)
      throws IOException, InterruptedException {
    return run(launcher, environment, "--print-java-home");
  }

  private Run run(Path launcher, Map<String, String> environment, String word)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(launcher.toString(), word).directory(temp.toFile());
    builder.environment().keySet().removeAll(java.util.Set.of("FLOWLOOP_JAVA_HOME", "JAVA_HOME"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), UTF_8);
    return new Run(process.waitFor(), out.strip(), err.strip());
  }

  private Path jdk(String release) throws IOException {
    Path home = temp.resolve("jdk " + release);
    Files.createDirectories(home.resolve("bin"));
    for (String program : new String[] {"bin/java", "bin/javac"}) {
      Files.writeString(home.resolve(program), "#!/bin/sh\n");
      assertThat(home.resolve(program).toFile().setExecutable(true)).isTrue();
    }
    Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + release + "\"\n");
    return home;
  }

  @Test
  void printJavaHome_recentJavaHome_takesIt() throws Exception {
    Path home = jdk("26.0.1");

    Run run = javaHome(LAUNCHER, Map.of("JAVA_HOME", home.toString()));

    assertThat(run).isEqualTo(new Run(0, home.toString(), ""));
  }

  @Test
  void printJavaHome_oldJavaHome_looksOn() throws Exception {
    Path recent = jdk("25");
    Map<String, String> environment =
        Map.of(
            "JAVA_HOME",
            jdk("17.0.2").toString(),
            "PATH",
            recent.resolve("bin") + ":" + System.getenv("PATH"));

    Run run = javaHome(LAUNCHER, environment);

    assertThat(run.out()).isEqualTo(recent.toRealPath().toString());
  }

  @Test
  void printJavaHome_oldOneWantedByName_refusesIt() throws Exception {
    Path home = jdk("17.0.2");

    Run run = javaHome(LAUNCHER, Map.of("FLOWLOOP_JAVA_HOME", home.toString()));

    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains(home.toString(), "expected: the folder of a JDK 25 or newer");
  }

  @Test
  void printJavaHome_throughLinksOfLinks_findsItself() throws Exception {
    Path link = Files.createSymbolicLink(temp.resolve("link"), LAUNCHER);
    Path folder = Files.createDirectory(temp.resolve("a folder"));
    Path second = Files.createSymbolicLink(folder.resolve("again"), folder.relativize(link));

    Run run = javaHome(second, Map.of("JAVA_HOME", jdk("25.0.3").toString()));

    assertThat(run.exitCode()).as(run.err()).isZero();
  }

  @Test
  void run_copiedWithoutSources_startsWhatIsThereAndBuildsNothing() throws Exception {
    Path copy = Files.createDirectories(temp.resolve("copy/agent-loop/target/lib"));
    Files.createFile(copy.resolve("flowloop-agent-loop.jar"));
    Path launcher = Files.copy(LAUNCHER, temp.resolve("copy/flowloop"));
    Path home = jdk("25");
    Files.writeString(home.resolve("bin/java"), "#!/bin/sh\necho \"started $*\"\n");

    Run run = run(launcher, Map.of("FLOWLOOP_JAVA_HOME", home.toString()), "node");

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).startsWith("started ").endsWith(" node");
    assertThat(run.err()).isEmpty();
  }
}
