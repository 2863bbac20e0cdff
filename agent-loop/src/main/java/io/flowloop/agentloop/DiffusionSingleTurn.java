package io.flowloop.agentloop;

/** The default agent loop: one prompt, one image, nothing added. */
public final class DiffusionSingleTurn implements AgentLoop {

  @Override
  public String name() {
    return "diffusionSingleTurn";
  }
}
