"""Prints what the real TensorBoard reads in a run's folder, as JSON."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

accumulator = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
accumulator.Reload()
tags = accumulator.Tags()
plugin = {
    tag: plugin_data_pb2.HParamsPluginData.FromString(content)
    for tag, content in accumulator.PluginTagToContent("hparams").items()
}
start = plugin["_hparams_/session_start_info"].session_start_info
end = plugin["_hparams_/session_end_info"].session_end_info
print(
    json.dumps(
        {
            "scalars": {tag: [[own.step, own.value] for own in accumulator.Scalars(tag)] for tag in tags["scalars"]},
            "histograms": {
                tag: [accumulator.Histograms(tag)[-1].step, sum(accumulator.Histograms(tag)[-1].histogram_value.bucket)]
                for tag in tags["histograms"]
            },
            "hyperparameters": {name: getattr(own, own.WhichOneof("kind")) for name, own in start.hparams.items()},
            "group": start.group_name,
            "status": api_pb2.Status.Name(end.status),
        }
    )
)
