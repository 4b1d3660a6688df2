#!/usr/bin/python3
"""Reads images as PyTorch programs do, with Pillow and tarfile, and prints images a second. For comparison only.

  pil.py small SOURCE [--workers N]                                   # every image as it is, 32 x 32 or so
  pil.py photographs SOURCE [--crop middle|random] [--draft] [--workers N]   # 224 x 224 crops

SOURCE is a tar file or a folder of folders. Without workers all happens in this process, as in a plain program that reads its data once. With
workers it is torch's DataLoader, whose processes are started before the clock starts. Everything is read once before that in either case, which fills caches. What is timed ends with the
images as uint8 in this process, [N, 3, height, width]; listing the source is included. The best of --repeat passes is printed.
"""
import argparse, io, math, os, random, tarfile, time
import numpy as np, torch
from PIL import Image

RESIZED, SIDE = 256, 224        # the shorter side, and what is cut out of its middle


class Source:
    """Names of images in their order, and their bytes."""
    def __init__(self, path):
        self.path, self.tar, self.owner = path, None, None
        if os.path.isdir(path):
            self.entries = sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
        else:
            with tarfile.open(path) as tar:     # where each file lies: a worker needs no tarfile after that
                self.entries = [(m.offset_data, m.size) for m in tar.getmembers() if m.isfile()]

    def open(self, index):
        entry = self.entries[index]
        if isinstance(entry, str): return Image.open(entry)
        if self.owner != os.getpid(): self.tar, self.owner = open(self.path, 'rb', buffering=1 << 17), os.getpid()
        self.tar.seek(entry[0])
        return Image.open(io.BytesIO(self.tar.read(entry[1])))


def whole(image):
    return np.asarray(image.convert('RGB')).transpose(2, 0, 1)


def middle_crop(image, draft):
    width, height = image.size
    scale = RESIZED / min(width, height)
    if scale < 1:
        size = round(width * scale), round(height * scale)
        if draft: image.draft('RGB', size)      # halves, quarters or eighths, never below the size; JPEG only
        image = image.convert('RGB').resize(size, Image.BILINEAR)
    width, height = image.size
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    return whole(image.crop((left, top, left + SIDE, top + SIDE)))


def random_crop(image, draft):
    width, height = image.size
    for _ in range(10):
        area, ratio = random.uniform(.2, 1) * width * height, math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if w <= width and h <= height: break
    else: w = h = min(width, height)
    left, top = random.randint(0, width - w), random.randint(0, height - h)
    if draft:
        image.draft('RGB', (math.ceil(width * SIDE / w), math.ceil(height * SIDE / h)))
        sx, sy = image.size[0] / width, image.size[1] / height
    else: sx = sy = 1
    view = image.convert('RGB').resize((SIDE, SIDE), Image.BILINEAR, box=(left * sx, top * sy, (left + w) * sx, (top + h) * sy))
    if random.random() < .5: view = view.transpose(Image.FLIP_LEFT_RIGHT)
    return whole(view)


class Images(torch.utils.data.Dataset):
    def __init__(self, source, prepare): self.source, self.prepare = source, prepare
    def __len__(self): return len(self.source.entries)
    def __getitem__(self, index): return torch.from_numpy(np.ascontiguousarray(self.prepare(self.source.open(index))))


def read(source, prepare, loader):
    if loader is None: return len(torch.from_numpy(np.stack([prepare(source.open(i)) for i in range(len(source.entries))])))
    return len(torch.cat([batch for batch in loader]))


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('kind', choices=['small', 'photographs']); p.add_argument('source'); p.add_argument('--crop', choices=['middle', 'random'], default='middle')
    p.add_argument('--draft', action='store_true'); p.add_argument('--workers', type=int, default=0); p.add_argument('--repeat', type=int, default=3)
    a = p.parse_args(); torch.set_num_threads(1)
    crop = middle_crop if a.crop == 'middle' else random_crop
    prepare = whole if a.kind == 'small' else lambda image: crop(image, a.draft)
    loader = None
    if a.workers:
        batch = 256 if a.kind == 'small' else 16
        loader = torch.utils.data.DataLoader(Images(Source(a.source), prepare), batch, num_workers=a.workers, persistent_workers=True)
    read(Source(a.source), prepare, loader)
    times = []
    for _ in range(a.repeat):
        start = time.time(); count = read(Source(a.source), prepare, loader); times.append(time.time() - start)
    print(f'{count} images, best {min(times):.3f} s, {count / min(times):.1f} images/s')
