#!/usr/bin/python3
"""Times features of images by a network of random weights in plain PyTorch, in float32. For comparison only.

  embed.py REFERENCE.py [--arch resnet18|resnet50] [--images 1024] [--channels-last] [--threads 2]

ResNet-18 is REFERENCE.py's Encoder, for images of 32 x 32; ResNet-50 that of resnet50.py beside this file, for 224 x 224. Images are normalised already.
"""
import argparse, importlib.util, os, time
import torch


def load(file):
    spec = importlib.util.spec_from_file_location('loaded', file); module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
    return module


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('reference'); p.add_argument('--arch', choices=('resnet18', 'resnet50'), default='resnet18'); p.add_argument('--images', type=int, default=1024)
    p.add_argument('--repeat', type=int, default=3); p.add_argument('--channels-last', action='store_true'); p.add_argument('--threads', type=int, default=2)
    a = p.parse_args(); torch.set_num_threads(a.threads)
    small = a.arch == 'resnet18'
    encoder = load(a.reference).Encoder() if small else load(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'resnet50.py')).resnet50()
    images, batch = torch.randn(a.images, 3, *[32 if small else 224] * 2), 128 if small else 32
    layout = torch.channels_last if a.channels_last else torch.contiguous_format
    encoder, images = encoder.eval().to(memory_format=layout), images.to(memory_format=layout)
    times = []
    with torch.no_grad():
        for _ in range(a.repeat + 1):
            start = time.time()
            for i in range(0, a.images, batch): encoder(images[i:i + batch])
            times.append(time.time() - start)
    times = sorted(times[1:])
    print(f'{a.images} images, {a.images / times[len(times) // 2]:.2f} images/s')
