package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class DoctorCommandTest {

  @Test
  void doctor_thisMachine_works() {
    Run run = Run.of("doctor");

    assertThat(run.out()).doesNotContain("DOES NOT WORK", "\u001B");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out().lines().map(line -> line.replaceFirst(" .*", "")))
        .containsExactly(
            "flowloop",
            "java",
            "os",
            "cpu",
            "memory",
            "environment",
            "djl",
            "libtorch",
            "devices",
            "fonts",
            "forward",
            "ocr",
            "tesseract");
    assertThat(run.out()).contains(System.getProperty("java.home")).contains("16 rows in ");
  }
}
