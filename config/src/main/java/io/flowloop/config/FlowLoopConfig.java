package io.flowloop.config;

/**
 * Every setting of a run. Record components are the configuration keys: {@code rollout().n()} is
 * {@code rollout.n}; their meaning, units and defaults stand in {@code flowloop-reference.conf}.
 *
 * @param data the prompts
 * @param model what draws, and on which device
 * @param rollout how many images, and how the work is cut
 * @param sampler how noise becomes an image
 * @param reward what an image is worth
 * @param advantage how much better than its group an image is
 * @param update how the policy learns from that
 * @param trainer how long, and what is kept of it
 * @param validation how the policy is judged
 * @param output where the results of a single rollout go
 * @param http where a run tells of its health and metrics
 * @param cluster how nodes find and trust each other
 * @param pretrain how the embedded model is trained from nothing
 */
public record FlowLoopConfig(
    DataConfig data,
    ModelConfig model,
    RolloutConfig rollout,
    SamplerConfig sampler,
    RewardConfig reward,
    AdvantageConfig advantage,
    UpdateConfig update,
    TrainerConfig trainer,
    ValidationConfig validation,
    OutputConfig output,
    HttpConfig http,
    ClusterConfig cluster,
    PretrainConfig pretrain) {

  /** The same with another rollout and other rewards. */
  public FlowLoopConfig with(RolloutConfig otherRollout, RewardConfig otherReward) {
    return new FlowLoopConfig(
        data,
        model,
        otherRollout,
        sampler,
        otherReward,
        advantage,
        update,
        trainer,
        validation,
        output,
        http,
        cluster,
        pretrain);
  }
}
