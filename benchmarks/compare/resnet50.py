#!/usr/bin/python3
"""Times training steps of WCL with a ResNet-50 at 224 x 224 in plain PyTorch. For comparison only.

  resnet50.py REFERENCE.py [--batch 16] [--channels-last] [--bf16] [--threads 2]

Heads and losses come from REFERENCE.py, a plain PyTorch WCL with head(), wcl_loss() and torch; the network is built here: He et al. 2016 with
the stride in the 3 x 3 convolution, as torchvision has it.
"""
import argparse, importlib.util, resource, time
import torch, torch.nn as nn, torch.nn.functional as F


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3, 1 x 1 to four times the width, and the shortcut."""
    def __init__(self, cin, width, stride):
        super().__init__(); cout = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(cin, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, cout, 1, bias=False), nn.BatchNorm2d(cout)
        self.shortcut = None if stride == 1 and cin == cout else nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + (x if self.shortcut is None else self.shortcut(x)), inplace=True)


def resnet50():
    layers, cin = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)], 64
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            layers.append(Bottleneck(cin, 64 << stage, 2 if stage and not block else 1)); cin = 256 << stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('reference'); p.add_argument('--batch', type=int, default=16); p.add_argument('--repeat', type=int, default=3)
    p.add_argument('--channels-last', action='store_true'); p.add_argument('--bf16', action='store_true'); p.add_argument('--threads', type=int, default=2)
    a = p.parse_args(); torch.set_num_threads(a.threads)
    spec = importlib.util.spec_from_file_location('reference', a.reference); reference = importlib.util.module_from_spec(spec); spec.loader.exec_module(reference)
    encoder, h1, h2 = resnet50(), reference.head(2048, 2048, 128), reference.head(2048, 2048, 128)
    optimizer = torch.optim.SGD([q for m in (encoder, h1, h2) for q in m.parameters()], .1, momentum=.9)
    views = [torch.randn(a.batch, 3, 224, 224) for _ in range(2)]
    if a.channels_last:
        encoder = encoder.to(memory_format=torch.channels_last); views = [v.to(memory_format=torch.channels_last) for v in views]
    times = []
    for _ in range(a.repeat + 1):
        start = time.time()
        with torch.autocast('cpu', dtype=torch.bfloat16, enabled=a.bf16):
            f1, f2 = (encoder(v) for v in views); projections = [q.float() for q in (h1(f1), h1(f2), h2(f1), h2(f2))]
        instance, weak = reference.wcl_loss(*projections)
        optimizer.zero_grad(); (instance + weak).backward(); optimizer.step(); times.append(time.time() - start)
    times = sorted(times[1:]); median = times[len(times) // 2]
    print(f'batch {a.batch} median {median:.4f} s, {a.batch / median:.2f} images/s, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB')
