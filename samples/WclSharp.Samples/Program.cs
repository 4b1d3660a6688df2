using WclSharp;
using WclSharp.Samples;

try
{
    return args switch
    {
        ["shortest", var photos, var photo] => Shortest.Run(photos, photo),
        ["pretrain", var photos, var run] => PretrainWithProgress.Run(photos, run),
        ["rows", var photos, var run] => PretrainWithoutFiles.Run(photos, run),
        ["compare", var run, var one, var other] => CompareTwoImages.Run(run, one, other),
        ["classify", var run, var photo] => ClassifyWithFewLabels.Run(run, photo),
        ["loop", var photos, var file] => TrainInYourOwnLoop.Run(photos, file),
        ["onnx", var model, var one, var other] => EmbedWithoutLibtorch.Run(model, one, other),
        _ => Usage(),
    };
}
catch (WclException e)
{
    // Messages are one line that says what is wrong, with the value, and what to do.
    Console.Error.WriteLine(e.Message);
    return 1;
}

static int Usage()
{
    Console.Error.WriteLine("""
        shortest PHOTOS PHOTO   train on a folder of photographs, then embed one of them
        pretrain PHOTOS RUN     train on a folder with progress; Ctrl-C saves, and the same line goes on
        rows PHOTOS RUN         train on images that are no files, as from a database; RUN.tar is where they are packed
        compare RUN ONE OTHER   how alike two photographs are to a trained encoder
        classify RUN PHOTO      train a classifier on ten labels of each class, and name what a photograph shows
        loop PHOTOS FILE        train by a loop of the program's own, of the library's parts; FILE is the encoder
        onnx MODEL ONE OTHER    as compare, with an ONNX file that wcl export wrote, without libtorch
        """);
    return 2;
}
