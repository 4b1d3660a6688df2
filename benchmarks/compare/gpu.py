#!/usr/bin/python3
"""The plain PyTorch WCL of REFERENCE.py on a GPU. For comparison only; needs PyTorch 2 with CUDA, SciPy and Pillow.

  gpu.py REFERENCE.py step [--arch resnet18] [--batch 512] [--repeat 20]   # images/s of a training step, ResNet-18 of width 64 at 32 x 32, or resnet50 at 224 x 224
  gpu.py REFERENCE.py train --method wcl --train TAR --test TAR [--images 50000] [--epochs 200] [--batch 512] [--lr 0.24]

REFERENCE.py makes its tensors where PyTorch's default device is, so that is set to the GPU. The encoder computes in bfloat16 and channels-last,
heads and losses in float32 (TF32 products); WclSharp's heads are in bfloat16 too, which is worth a percent or two of a step. Its recipe in `train` is not the cifar preset's:
crops from 0.2 of the area, two epochs of warm-up, PyTorch's initial weights and kNN by 20, so that for equal terms WclSharp takes
--augmentation weak --jitter 1 --crop-min 0.2 --warmup-epochs 2 --conv-init pytorch --knn-k 20.
"""
import argparse, importlib.util, time
import torch
import resnet50


def fast(forward):
    """The same in bfloat16 and channels-last."""
    def run(*arguments):
        with torch.autocast('cuda', dtype=torch.bfloat16): return forward(*arguments[:-1], arguments[-1].contiguous(memory_format=torch.channels_last)).float()

    return run


def load(path):
    spec = importlib.util.spec_from_file_location('reference', path); reference = importlib.util.module_from_spec(spec); spec.loader.exec_module(reference)
    reference.Encoder.forward = fast(reference.Encoder.forward)
    return reference


def step(reference, a):
    small = a.arch == 'resnet18'
    encoder, size, features = (reference.Encoder(64), 32, 512) if small else (resnet50.resnet50(), 224, 2048)
    if not small: encoder.forward = fast(encoder.forward)
    encoder, h1, h2 = encoder.to(memory_format=torch.channels_last), reference.head(features, 2048, 128), reference.head(features, 2048, 128)
    optimizer = torch.optim.SGD([p for m in (encoder, h1, h2) for p in m.parameters()], .1, momentum=.9)
    views, times = [torch.randn(a.batch, 3, size, size) for _ in range(2)], []
    for _ in range(a.repeat + 5):
        torch.cuda.synchronize(); start = time.time()
        f1, f2 = (encoder(v) for v in views); instance, weak = reference.wcl_loss(h1(f1), h1(f2), h2(f1), h2(f2))
        optimizer.zero_grad(); (instance + weak).backward(); optimizer.step()
        torch.cuda.synchronize(); times.append(time.time() - start)
    times = sorted(times[5:]); median = times[len(times) // 2]
    print(f'batch {a.batch} median {median:.4f} s, {a.batch / median:.1f} images/s, peak {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB')


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('reference'); p.add_argument('command', choices=['step', 'train']); p.add_argument('--method', default='wcl', choices=['wcl', 'simclr'])
    p.add_argument('--arch', default='resnet18', choices=['resnet18', 'resnet50']); p.add_argument('--train'); p.add_argument('--test'); p.add_argument('--images', type=int, default=50000); p.add_argument('--epochs', type=int, default=200)
    p.add_argument('--batch', type=int, default=512); p.add_argument('--width', type=int, default=64); p.add_argument('--hidden', type=int, default=2048)
    p.add_argument('--lr', type=float, default=.24); p.add_argument('--t', type=float, default=.1); p.add_argument('--seed', type=int, default=0); p.add_argument('--repeat', type=int, default=20)
    a = p.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    torch.set_default_device('cuda')
    reference = load(a.reference)
    step(reference, a) if a.command == 'step' else reference.train(a)
